/** `/accounts`: which names have owners. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type, { type Static } from 'typebox'
import type { Account, Accounts } from '../accounts/accounts.js'
import { BAD_REQUEST, errorBody, REMOVAL, UNAUTHORIZED, UNAVAILABLE, UNREACHABLE } from './errors.js'
import { decodeKey, encodeKey, NEXT, PAGE_QUERY, readPage } from './pages.js'
import { NameParams } from './users.js'

const AccountSchema = Type.Object(
  {
    name: Type.String({ examples: ['Ana'] }),
    kind: Type.Enum(['password', 'token'], { description: 'What proves it', examples: ['password'] }),
    createdAt: Type.String({ format: 'date-time', examples: ['2026-11-25T18:00:00.000Z'] }),
    expiresAt: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      description: 'When the name is free again if its owner does not come; null while he is there',
      examples: [null],
    }),
  },
  { $id: 'Account', description: 'A name that has an owner' },
)
const AccountRef = Type.Unsafe<Static<typeof AccountSchema>>({
  ...Type.Ref('Account'),
  description: 'A name that has an owner',
})

const AccountPage = Type.Object({
  accounts: Type.Array(AccountRef, { description: 'By their names, as computers sort them' }),
  next: NEXT,
})

const AccountQuery = Type.Object(PAGE_QUERY)

export const accounts: FastifyPluginAsyncTypebox<{ accounts: Accounts }> = async (app, { accounts }) => {
  app.addSchema(AccountSchema)

  app.get(
    '/accounts',
    {
      schema: {
        operationId: 'listAccounts',
        summary: 'Which names have owners',
        tags: ['accounts'],
        querystring: AccountQuery,
        response: { 200: AccountPage, ...BAD_REQUEST, ...UNAUTHORIZED, ...UNAVAILABLE },
      },
    },
    async (request, reply) => {
      const asked = readPage(request.query, '', decodeKey)
      if ('problem' in asked) return reply.code(400).send(errorBody(400, asked.problem))
      const { limit, after } = asked
      try {
        const found = await accounts.list(after, limit + 1)
        const page = found.slice(0, limit)
        const last = page.at(-1)
        const next = found.length > limit && last ? encodeKey(last.key) : null
        return { accounts: page.map(describe), next }
      } catch (err) {
        request.log.warn({ err }, 'the store could not be asked for accounts')
        return reply.code(503).send(errorBody(503, UNREACHABLE))
      }
    },
  )

  app.delete(
    '/accounts/:name',
    {
      schema: {
        operationId: 'freeName',
        summary: 'Free a name',
        description:
          'Its password or token proves nothing any more, and whoever comes first may claim it. Who is there under it stays: to end that too, remove the user.',
        tags: ['accounts'],
        params: NameParams,
        response: REMOVAL,
      },
    },
    async (request, reply) => {
      const { name } = request.params
      try {
        if (await accounts.free(name)) return reply.code(204).send(null)
      } catch (err) {
        request.log.warn({ err }, 'the store could not be told to forget an account')
        return reply.code(503).send(errorBody(503, UNREACHABLE))
      }
      return reply.code(404).send(errorBody(404, `The name ${JSON.stringify(name)} has no owner`))
    },
  )
}

function describe({ name, kind, createdAt, expiresAt }: Account): Static<typeof AccountSchema> {
  return {
    name,
    kind,
    createdAt: new Date(createdAt).toISOString(),
    expiresAt: expiresAt === undefined ? null : new Date(expiresAt).toISOString(),
  }
}
