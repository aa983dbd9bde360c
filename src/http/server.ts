/** The HTTP side: the chat's upgrade, the operator API, health, documents. */
import fastify, { type FastifyBaseLogger, type FastifyError, type FastifyInstance } from 'fastify'
import type { Accounts } from '../accounts/accounts.js'
import type { ChatNode } from '../chat/node.js'
import { accounts as accountRoutes } from './accounts.js'
import { announcements } from './announcements.js'
import { audited } from './audit.js'
import { requireOperator } from './auth.js'
import { bans } from './bans.js'
import { chatRoute } from './chat-route.js'
import { docs } from './docs.js'
import { ErrorBody, errorBody, validationError } from './errors.js'
import { health } from './health.js'
import { nodes } from './nodes.js'
import { users } from './users.js'

export interface ServerOptions {
  readonly node: ChatNode
  readonly accounts: Accounts
  readonly log: FastifyBaseLogger
  /** Where it is written down what operators do. */
  readonly audit: FastifyBaseLogger
  /** What operators authenticate with, once it is known. */
  readonly adminToken: () => string | undefined
  /** Addresses and ranges of proxies whose forwarded headers are believed. */
  readonly trustProxy: readonly string[]
  readonly maxFrameBytes: number
  readonly version: string
}

// A name may have 64 code points, each up to 12 characters once it stands in a URL.
const MAX_PARAM_LENGTH = 1024

/** Builds the server; it does not listen. */
export async function buildServer(options: ServerOptions): Promise<FastifyInstance> {
  const { node, accounts, log, audit, adminToken, trustProxy, maxFrameBytes, version } = options
  const app: FastifyInstance = fastify({
    loggerInstance: log,
    logController: new fastify.LogController({ disableRequestLogging: true }),
    trustProxy: trustProxy.length > 0 && [...trustProxy],
    forceCloseConnections: true,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH, ignoreTrailingSlash: true },
    schemaErrorFormatter: validationError,
  })
  app.setErrorHandler((error: FastifyError, request, reply) => {
    if ((error.statusCode ?? 500) < 500) return reply.send(error)
    request.log.error({ err: error }, 'a request failed')
    return reply.code(500).send(errorBody(500, 'Something went wrong; the log says what'))
  })
  app.addSchema(ErrorBody)

  await chatRoute(app, { node, maxFrameBytes })
  await docs(app, version)
  await app.register(health, { node })
  await app.register(async (operators) => {
    await requireOperator(operators, adminToken)
    operators.addHook('onRoute', ({ schema }) => {
      if (schema) schema.security = [{ operator: [] }]
    })
    audited(operators, audit)
    await operators.register(users, { node })
    await operators.register(bans, { node })
    await operators.register(announcements, { node })
    await operators.register(accountRoutes, { accounts })
    await operators.register(nodes, { node })
  })
  return app
}
