/** `POST /announcements`: the server says something to all. */
import { type FastifyPluginAsyncTypebox, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { ChatNode } from '../chat/node.js'
import { BAD_REQUEST, errorBody, NOT_JSON, UNAUTHORIZED, UNAVAILABLE, UNREACHABLE } from './errors.js'

const Announcement = Type.Object(
  {
    content: Type.String({
      description: 'Like any message: 1 to `MAX_CONTENT_CHARS` code points, well-formed, without U+0000',
      examples: ['El servidor se reinicia a las 22:00'],
    }),
  },
  { additionalProperties: false },
)

export const announcements: FastifyPluginAsyncTypebox<{ node: ChatNode }> = async (app, { node }) => {
  app.post(
    '/announcements',
    {
      // Bodies are taken as they are: the framework's own would make texts of numbers, and drop what it does not know.
      validatorCompiler: TypeBoxValidatorCompiler,
      schema: {
        operationId: 'announce',
        summary: 'Say something to everyone',
        description: 'A `broadcast` whose `sender` is `server`, in its place among all others.',
        tags: ['announcements'],
        body: Announcement,
        response: {
          202: Type.Object({}, { description: 'It is said' }),
          ...BAD_REQUEST,
          ...NOT_JSON,
          ...UNAUTHORIZED,
          ...UNAVAILABLE,
        },
      },
    },
    async (request, reply) => {
      const done = await node.decrees.announce(request.body.content)
      if (done === 'done') return reply.code(202).send({})
      if (done === 'unavailable') return reply.code(503).send(errorBody(503, UNREACHABLE))
      const limit = `1 to ${node.decrees.maxContentChars} code points, well-formed, without U+0000`
      return reply.code(400).send(errorBody(400, `body/content must be ${limit}`))
    },
  )
}
