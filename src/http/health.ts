/** For whoever decides whether this process is to be restarted (live), or to be sent clients (ready). */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { ChatNode, NodeState } from '../chat/node.js'

/** What its routes begin with. */
export const HEALTH_PATH = '/health/'

const REASONS: Record<Exclude<NodeState, 'up'>, string> = {
  starting: 'has not reached the other nodes yet',
  'cut-off': 'cannot reach the other nodes',
  leaving: 'is about to shut down',
  draining: 'is shutting down',
}

const Live = Type.Object({ status: Type.Literal('live') }, { description: 'The process works' })
const Ready = Type.Object({ status: Type.Literal('ready') }, { description: 'Clients are welcome' })
const NotReady = Type.Object(
  {
    status: Type.Enum(['starting', 'cut-off', 'leaving', 'draining']),
    reason: Type.String({ examples: [`This node ${REASONS.draining}`] }),
  },
  { description: 'Send clients elsewhere' },
)

export const health: FastifyPluginAsyncTypebox<{ node: ChatNode }> = async (app, { node }) => {
  app.get(
    '/health/live',
    {
      schema: {
        operationId: 'getLiveness',
        summary: 'Whether the process works',
        tags: ['health'],
        response: { 200: Live },
      },
    },
    async () => ({ status: 'live' as const }),
  )

  app.get(
    '/health/ready',
    {
      schema: {
        operationId: 'getReadiness',
        summary: 'Whether clients should be sent here',
        tags: ['health'],
        response: { 200: Ready, 503: NotReady },
      },
    },
    async (_request, reply) => {
      const { state } = node
      if (state === 'up') return { status: 'ready' as const }
      return reply.code(503).send({ status: state, reason: `This node ${REASONS[state]}` })
    },
  )
}
