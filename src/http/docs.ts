/** The OpenAPI document, made from the schemas of the routes, and a page to try them on; and the AsyncAPI document of the chat. */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { asyncApi } from './asyncapi.js'

export const DOCS_PATH = '/docs'

/** Must be called before the routes that are to be in the document are added. */
export async function docs(
  app: FastifyInstance,
  { version, maxContentChars }: { version: string; maxContentChars: number },
): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Tertulia',
        version,
        description:
          'What operators can see of the chat, and do. The chat itself speaks WebSocket at `/chat`: its AsyncAPI document is at [/docs/asyncapi.json](/docs/asyncapi.json), and docs/protocol.md has it in prose.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      tags: [
        { name: 'users', description: 'Who is present' },
        { name: 'bans', description: 'Who must stay outside' },
        { name: 'announcements', description: 'What the server says to all' },
        { name: 'messages', description: 'What was said to all' },
        { name: 'accounts', description: 'Names that have owners' },
        { name: 'nodes', description: 'The processes that share the room' },
        { name: 'health', description: 'Whether the process works, and takes clients' },
      ],
      components: {
        securitySchemes: {
          operator: {
            type: 'http',
            scheme: 'bearer',
            description: '`ADMIN_TOKEN`, or the one logged at start',
          },
        },
      },
    },
    refResolver: {
      buildLocalReference: (json, _baseUri, _fragment, index) =>
        typeof json.$id === 'string' ? json.$id : `def-${index}`,
    },
  })
  await app.register(swaggerUi, { routePrefix: DOCS_PATH })
  const chat = JSON.stringify(asyncApi(version, maxContentChars))
  app.get(`${DOCS_PATH}/asyncapi.json`, { schema: { hide: true } }, async (_request, reply) =>
    reply.type('application/json').send(chat),
  )
  app.get('/', { schema: { hide: true } }, async (_request, reply) => reply.redirect(DOCS_PATH))
}
