/** `/messages`: what was said to all, as far as the history keeps it. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import type { ChatNode, Said } from '../chat/node.js'
import { HISTORY_CONTENT, PAGE_MESSAGES } from '../protocol/extended-frames.js'
import { SERVER_FRAMES } from '../protocol/frames.js'
import { readPosition, writePosition } from '../protocol/position.js'
import { BAD_REQUEST, errorBody, REMOVAL, UNAUTHORIZED, UNAVAILABLE, UNREACHABLE } from './errors.js'
import { isWhole, LIMIT_PROBLEM } from './pages.js'

const EXAMPLE = '4f0c2a91d7be3568-41'

const Message = Type.Object(
  {
    position: Type.String({ description: "Its place in the room's log", examples: [EXAMPLE] }),
    sender: Type.String({ description: 'Who said it; `server`: an announcement', examples: ['Ana'] }),
    content: Type.String({ examples: ['¡Hola, tertulia!'] }),
    timestamp: Type.String({ format: 'date-time', examples: ['2026-11-25T18:00:00.000Z'] }),
  },
  { $id: 'Message', description: 'Something said to all' },
)
const MessageRef = Type.Unsafe<Static<typeof Message>>({
  ...Type.Ref('Message'),
  description: 'Something said to all',
})

const MessagePage = Type.Object({
  messages: Type.Array(MessageRef, { description: 'The oldest first' }),
  next: Type.Union([Type.String(), Type.Null()], {
    description: 'The `before` of the next page, whose messages are older; null on the last',
    examples: [EXAMPLE],
  }),
})

const MessageQuery = Type.Object({
  before: Type.Optional(
    Type.String({
      description:
        'The messages before this position: `next` of a page, or `position` of a message; without it, the latest',
    }),
  ),
  limit: HISTORY_CONTENT.properties.limit,
})

const Broadcast = Compile(SERVER_FRAMES.broadcast)

/** The history is the same on all nodes: `HISTORY_LENGTH` messages, apart from the log. */
export const messages: FastifyPluginAsyncTypebox<{ node: ChatNode }> = async (app, { node }) => {
  app.addSchema(Message)

  app.get(
    '/messages',
    {
      schema: {
        operationId: 'listMessages',
        summary: 'What was said to all',
        description:
          'The latest page first; within a page the oldest message first. What is said meanwhile moves nothing between pages.',
        tags: ['messages'],
        querystring: MessageQuery,
        response: { 200: MessagePage, ...BAD_REQUEST, ...UNAUTHORIZED, ...UNAVAILABLE },
      },
    },
    async (request, reply) => {
      const { before, limit = PAGE_MESSAGES } = request.query
      if (!isWhole(limit)) return reply.code(400).send(errorBody(400, LIMIT_PROBLEM))
      const position = before === undefined ? undefined : readPosition(before)
      if (before !== undefined && position === undefined)
        return reply.code(400).send(errorBody(400, 'querystring/before must be the position of a message'))
      try {
        const page = await node.messages(position, limit)
        const found = page.messages.map(describe)
        return { messages: found, next: page.more ? (found[0]?.position ?? null) : null }
      } catch (err) {
        request.log.warn({ err }, 'the backplane could not be asked for the history')
        return reply.code(503).send(errorBody(503, UNREACHABLE))
      }
    },
  )

  app.delete(
    '/messages/:position',
    {
      schema: {
        operationId: 'eraseMessage',
        summary: 'Take a message out of the history',
        description:
          'Nobody is told, and who has got it keeps it. It is shown by no node from then on, neither here nor to clients that ask for the history. A session that broke off before it was said, and is taken up again, still gets it.',
        tags: ['messages'],
        params: Type.Object({
          position: Type.String({ description: 'The `position` of the message', examples: [EXAMPLE] }),
        }),
        response: REMOVAL,
      },
    },
    async (request, reply) => {
      const position = readPosition(request.params.position)
      if (position === undefined)
        return reply.code(400).send(errorBody(400, 'params/position must be the position of a message'))
      const done = await node.decrees.erase(position)
      if (done === 'done') return reply.code(204).send(null)
      if (done === 'unavailable') return reply.code(503).send(errorBody(503, UNREACHABLE))
      return reply.code(404).send(errorBody(404, 'The history has no such message'))
    },
  )
}

function describe({ frame, position }: Said): Static<typeof Message> {
  const { sender, content, timestamp } = Broadcast.Parse(JSON.parse(Buffer.from(frame).toString()))
  return { position: writePosition(position), sender, content, timestamp }
}
