/** `GET /nodes`: the processes that share the room, for operators. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { ChatNode } from '../chat/node.js'
import { errorBody, UNAUTHORIZED, UNAVAILABLE, UNREACHABLE } from './errors.js'

const Node = Type.Object({
  id: Type.String({
    description: 'Random for each process, and new after the others have given it up',
    examples: ['chat-1-5f0c3ad1b2e49786'],
  }),
  label: Type.String({ description: 'Its `NODE_ID`', examples: ['chat-1'] }),
  sessions: Type.Integer({ description: 'How many users it holds' }),
  startedAt: Type.String({ format: 'date-time', examples: ['2026-11-23T18:00:00.000Z'] }),
  leaseMs: Type.Union([Type.Integer(), Type.Null()], {
    description: 'How long it still counts as alive if nothing is heard of it; null without Redis',
  }),
})

const Nodes = Type.Object({ nodes: Type.Array(Node, { description: 'In the order of their starts' }) })

/** Answers from what the nodes share: one request to it. */
export const nodes: FastifyPluginAsyncTypebox<{ node: ChatNode }> = async (app, { node }) => {
  app.get(
    '/nodes',
    {
      schema: {
        operationId: 'listNodes',
        summary: 'The nodes that share the room',
        tags: ['nodes'],
        response: { 200: Nodes, ...UNAUTHORIZED, ...UNAVAILABLE },
      },
    },
    async (request, reply) => {
      try {
        const found = await node.nodes()
        const sorted = found.toSorted((one, other) => one.startedAt - other.startedAt)
        return {
          nodes: sorted.map(({ id, label, sessions, startedAt, leaseMs }) => ({
            id,
            label,
            sessions,
            startedAt: new Date(startedAt).toISOString(),
            leaseMs,
          })),
        }
      } catch (err) {
        request.log.warn({ err }, 'the backplane could not be asked for the nodes')
        return reply.code(503).send(errorBody(503, UNREACHABLE))
      }
    },
  )
}
