/** `/bans`: who must stay outside. */
import { type FastifyPluginAsyncTypebox, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import Type, { type Static } from 'typebox'
import type { Ban } from '../chat/decrees.js'
import type { ChatNode } from '../chat/node.js'
import type { Audit } from './audit.js'
import {
  BAD_REQUEST,
  CONFLICT,
  errorBody,
  NOT_FOUND,
  NOT_JSON,
  REMOVED,
  UNAUTHORIZED,
  UNAVAILABLE,
  UNREACHABLE,
} from './errors.js'

const MAX_SECONDS = 10 * 365 * 86_400
const MAX_REASON_CHARS = 500

const what = {
  kind: Type.Enum(['name', 'ip'], { description: 'A name, or addresses', examples: ['ip'] }),
  value: Type.String({
    minLength: 1,
    maxLength: 1024,
    description: 'The name, whose case does not matter; or an address, or a range of them as CIDR',
    examples: ['203.0.113.0/24'],
  }),
  reason: Type.Optional(
    Type.String({ maxLength: MAX_REASON_CHARS, description: 'For operators', examples: ['flood'] }),
  ),
}

const BanSchema = Type.Object(
  {
    id: Type.String({ examples: ['q3Vn0vXyJk4T'] }),
    ...what,
    createdAt: Type.String({ format: 'date-time', examples: ['2026-11-25T18:00:00.000Z'] }),
    expiresAt: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      description: 'null: until it is lifted',
      examples: ['2026-11-25T19:00:00.000Z'],
    }),
  },
  { $id: 'Ban', description: 'Who must stay outside' },
)
const BanRef = Type.Unsafe<Static<typeof BanSchema>>({
  ...Type.Ref('Ban'),
  description: 'Who must stay outside',
})

const BanBody = Type.Object(
  {
    ...what,
    seconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_SECONDS,
        description: 'For how long; without it, until it is lifted',
        examples: [3600],
      }),
    ),
  },
  { additionalProperties: false },
)

/** What the value of a ban is, by its kind. */
const EXPECTED = {
  name: 'a name that somebody could have',
  ip: 'an address, or a range of them as CIDR',
} as const

/** Bans are shared by all nodes and kept with the room: whoever is present and banned is closed 4004 on every node. */
export const bans: FastifyPluginAsyncTypebox<{ node: ChatNode; audit: Audit }> = async (
  app,
  { node, audit },
) => {
  app.addSchema(BanSchema)

  app.get(
    '/bans',
    {
      schema: {
        operationId: 'listBans',
        summary: 'Who must stay outside',
        tags: ['bans'],
        response: {
          200: Type.Object({
            bans: Type.Array(BanRef, { description: 'In the order in which they were made' }),
          }),
          ...UNAUTHORIZED,
          ...UNAVAILABLE,
        },
      },
    },
    async (_request, reply) => {
      // It has not been told of them yet.
      if (node.state === 'starting') return reply.code(503).send(errorBody(503, UNREACHABLE))
      return { bans: node.decrees.bans().map(describe) }
    },
  )

  app.post(
    '/bans',
    {
      // Bodies are taken as they are: the framework's own would make texts of numbers, and drop what it does not know.
      validatorCompiler: TypeBoxValidatorCompiler,
      schema: {
        operationId: 'addBan',
        summary: 'Ban a name or addresses',
        description:
          'Those present who match are closed with code 4004, on all nodes. Whoever registers under a banned name gets an `error` and is closed 4004; an upgrade from a banned address is answered 403.',
        tags: ['bans'],
        body: BanBody,
        response: { 201: BanRef, ...BAD_REQUEST, ...UNAUTHORIZED, ...CONFLICT, ...NOT_JSON, ...UNAVAILABLE },
      },
    },
    async (request, reply) => {
      const { decrees } = node
      const ban = await decrees.ban(request.body)
      if (ban === 'invalid') {
        const { kind } = request.body
        return reply.code(400).send(errorBody(400, `body/value must be ${EXPECTED[kind]}`))
      }
      if (ban === 'unavailable') return reply.code(503).send(errorBody(503, UNREACHABLE))
      if (ban === 'full') {
        const message = `There are ${decrees.maxBans} bans already: lift some, or ban ranges of addresses`
        return reply.code(409).send(errorBody(409, message))
      }
      audit.note(request, { id: ban.id })
      return reply.code(201).send(describe(ban))
    },
  )

  app.delete(
    '/bans/:id',
    {
      schema: {
        operationId: 'liftBan',
        summary: 'Lift a ban',
        tags: ['bans'],
        params: Type.Object({ id: Type.String({ description: 'The `id` of the ban' }) }),
        response: { 204: REMOVED, ...BAD_REQUEST, ...UNAUTHORIZED, ...NOT_FOUND, ...UNAVAILABLE },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const lifted = node.decrees.bans().find((ban) => ban.id === id)
      const done = await node.decrees.liftBan(id)
      if (done === 'done' && lifted) audit.note(request, { kind: lifted.kind, value: lifted.value })
      if (done === 'done') return reply.code(204).send(null)
      if (done === 'unavailable') return reply.code(503).send(errorBody(503, UNREACHABLE))
      return reply.code(404).send(errorBody(404, 'There is no such ban'))
    },
  )
}

function describe({ createdAt, expiresAt, ...ban }: Ban): Static<typeof BanSchema> {
  return {
    ...ban,
    createdAt: new Date(createdAt).toISOString(),
    expiresAt: expiresAt === undefined ? null : new Date(expiresAt).toISOString(),
  }
}
