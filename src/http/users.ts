/** `GET /users` and `GET /users/:name`: who is present, for operators. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type, { type Static } from 'typebox'
import type { ChatNode, Presence } from '../chat/node.js'
import { STATUSES } from '../protocol/frames.js'
import { keyOf } from '../protocol/names.js'
import {
  BAD_REQUEST,
  errorBody,
  NOT_FOUND,
  REMOVAL,
  TOO_LONG,
  UNAUTHORIZED,
  UNAVAILABLE,
  UNREACHABLE,
} from './errors.js'
import { decodeCursor, encodeCursor, NEXT, PAGE_QUERY, readPage } from './pages.js'

const Status = Type.Enum(STATUSES, {
  description: 'Chosen by the user, or set by the server for a silent one',
})

/** Somebody who is present. */
const User = Type.Object(
  {
    name: Type.String({ description: 'As it was registered', examples: ['Ana'] }),
    status: Status,
    ip: Type.String({ description: "The client's own address", examples: ['192.0.2.7'] }),
    node: Type.String({
      description: 'The node that holds the connection; empty while there is none',
      examples: ['chat-1-5f0c3ad1b2e49786'],
    }),
    connectedAt: Type.String({ format: 'date-time', examples: ['2026-11-23T18:00:00.000Z'] }),
    guest: Type.Boolean({
      description: 'Whether it was registered without a password or token',
      examples: [true],
    }),
    extended: Type.Boolean({
      description: 'Whether the session can be taken up again when its connection breaks (protocol, part 2)',
      examples: [false],
    }),
    held: Type.Boolean({
      description: 'Whether its connection broke, and it may come back',
      examples: [false],
    }),
  },
  { $id: 'User', description: 'Somebody who is present' },
)
const UserRef = Type.Unsafe<Static<typeof User>>({
  ...Type.Ref('User'),
  description: 'Somebody who is present',
})

const UserPage = Type.Object({
  users: Type.Array(UserRef, { description: 'In the order of joining' }),
  total: Type.Integer({ description: 'How many there are in all; of that status, if one was asked for' }),
  next: NEXT,
})

export const NameParams = Type.Object({
  name: Type.String({ description: 'Looked up like any name: case does not matter' }),
})

const UserQuery = Type.Object({
  status: Type.Optional(Status),
  ...PAGE_QUERY,
})

/** Answers from the node's own directory; what it does not know is looked up once. */
export const users: FastifyPluginAsyncTypebox<{ node: ChatNode }> = async (app, { node }) => {
  app.addSchema(User)

  app.get(
    '/users',
    {
      schema: {
        operationId: 'listUsers',
        summary: 'Who is present',
        tags: ['users'],
        querystring: UserQuery,
        response: { 200: UserPage, ...BAD_REQUEST, ...UNAUTHORIZED, ...UNAVAILABLE },
      },
    },
    async (request, reply) => {
      const { status } = request.query
      const page = readPage(request.query, -Infinity, decodeCursor)
      if ('problem' in page) return reply.code(400).send(errorBody(400, page.problem))
      const { users, total, next } = node.directory.page({ ...page, status })
      return { users: users.map(describe), total, next: next === undefined ? null : encodeCursor(next) }
    },
  )

  app.get(
    '/users/:name',
    {
      schema: {
        operationId: 'getUser',
        summary: 'One user',
        tags: ['users'],
        params: NameParams,
        response: {
          200: UserRef,
          ...BAD_REQUEST,
          ...UNAUTHORIZED,
          ...NOT_FOUND,
          ...TOO_LONG,
          ...UNAVAILABLE,
        },
      },
    },
    async (request, reply) => {
      const { name } = request.params
      const found = await node.find(keyOf(name)).then(
        (presence) => ({ presence }),
        (error: unknown) => ({ error }),
      )
      if ('error' in found) {
        request.log.warn({ err: found.error }, 'the backplane could not be asked for a name')
        return reply.code(503).send(errorBody(503, UNREACHABLE))
      }
      if (found.presence) return describe(found.presence)
      return reply.code(404).send(absent(name))
    },
  )

  app.delete(
    '/users/:name',
    {
      schema: {
        operationId: 'removeUser',
        summary: 'Remove a user',
        description:
          'Closes the connection with code 4003, whichever node holds it; the others get `user_disconnected`. The user may come back: to keep somebody out, ban the name or the address.',
        tags: ['users'],
        params: NameParams,
        response: REMOVAL,
      },
    },
    async (request, reply) => {
      const { name } = request.params
      const done = await node.decrees.remove(keyOf(name)).catch((err) => {
        request.log.warn({ err }, 'the backplane could not be asked for a name')
        return 'unavailable' as const
      })
      if (done === 'done') return reply.code(204).send(null)
      if (done === 'unavailable') return reply.code(503).send(errorBody(503, UNREACHABLE))
      return reply.code(404).send(absent(name))
    },
  )
}

function absent(name: string) {
  return errorBody(404, `Nobody named ${JSON.stringify(name)} is present`)
}

function describe(presence: Presence): Static<typeof User> {
  const { name, status, ip, node, connectedAt, account, extended = false, held = false } = presence
  const guest = account === undefined
  return { name, status, ip, node, connectedAt: new Date(connectedAt).toISOString(), guest, extended, held }
}
