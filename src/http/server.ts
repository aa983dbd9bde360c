/** The HTTP side: the chat's upgrade, the operator API, health, documents. */
import type { ServerOptions as TlsServerOptions } from 'node:https'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import type { Accounts } from '../accounts/accounts.js'
import { addressGroup } from '../chat/connection.js'
import type { ConnectionLimits } from '../chat/limits.js'
import type { ChatNode } from '../chat/node.js'
import { accounts as accountRoutes } from './accounts.js'
import { announcements } from './announcements.js'
import { Audit } from './audit.js'
import { holdsToken, requireOperator } from './auth.js'
import { bans } from './bans.js'
import { chatRoute } from './chat-route.js'
import { clientAddress } from './client-address.js'
import { docs } from './docs.js'
import { ErrorBody, errorBody, validationError } from './errors.js'
import { HEALTH_PATH, health } from './health.js'
import { messages } from './messages.js'
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
  readonly allowedOrigins: readonly string[]
  readonly connections: ConnectionLimits
  /** Upgrades to the chat that are let in each second; 0: no limit. */
  readonly upgradesPerSecond: number
  /** Requests to the REST API from one address; 0: no limit. */
  readonly requestsPerMinute: number
  /** Certificate and key (PEM); without them, plain HTTP. */
  readonly tls?: Pick<TlsServerOptions, 'cert' | 'key'>
  readonly version: string
}

/** How long a request may take to come, its head first, and how often it is looked for those that take longer. */
const REQUEST_MS = 15_000
const TIMES = { headersTimeout: 10_000, connectionsCheckingInterval: 1000 }

/** A connection on which nothing moves for so long is ended, unless it is a WebSocket. */
const IDLE_MS = 30_000

/** What pages may load that are served here: the one to try the API on needs nothing else. */
const CONTENT_POLICY = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  // The page sets styles of its own.
  styleSrc: ["'self'", "'unsafe-inline'"],
  imgSrc: ["'self'", 'data:'],
  connectSrc: ["'self'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
}

// A name may have 64 code points, each up to 12 characters once it stands in a URL.
const MAX_PARAM_LENGTH = 1024

/** So many addresses are counted at a time; of more, those that asked longest ago are forgotten. */
const COUNTED_ADDRESSES = 65_536

/**
 * Limits all requests but upgrades, which have limits of their own, and those for health, which whoever watches over the process makes all the
 * time. Whoever has the operator token is counted for himself: strangers at his address, or behind the same proxy, do not lock him out; and
 * who has not guesses it no faster.
 */
async function limitRequests(
  app: FastifyInstance,
  perMinute: number,
  adminToken: () => string | undefined,
): Promise<void> {
  await app.register(rateLimit, { global: false, cache: COUNTED_ADDRESSES })
  const limit = app.rateLimit({
    max: perMinute,
    timeWindow: 60_000,
    allowList: (request) => request.ws === true || request.url.startsWith(HEALTH_PATH),
    keyGenerator: (request) => {
      const address = addressGroup(clientAddress(request))
      return holdsToken(request, adminToken()) ? `operator ${address}` : address
    },
  })
  app.addHook('onRequest', limit)
}

/** Refuses a path that cannot be read. It gets to no hook: nobody else would end the connection if it asks for an upgrade. */
function refuseUnread(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  reply.raw.once('finish', () => request.raw.socket.destroySoon())
  reply.send(error)
}

/** Builds the server; it does not listen. */
export async function buildServer(options: ServerOptions): Promise<FastifyInstance> {
  const { node, accounts, log, audit, adminToken, trustProxy, tls, version } = options
  const app: FastifyInstance = fastify({
    loggerInstance: log,
    logController: new fastify.LogController({ disableRequestLogging: true }),
    trustProxy: trustProxy.length > 0 && [...trustProxy],
    forceCloseConnections: true,
    requestTimeout: REQUEST_MS,
    // Also whoever does not read his answers.
    connectionTimeout: IDLE_MS,
    ...(tls ? { https: { ...tls, ...TIMES, handshakeTimeout: TIMES.headersTimeout } } : { http: TIMES }),
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH, ignoreTrailingSlash: true },
    schemaErrorFormatter: validationError,
    frameworkErrors: refuseUnread,
  })
  app.setErrorHandler((error: FastifyError, request, reply) => {
    if ((error.statusCode ?? 500) < 500) return reply.send(error)
    request.log.error({ err: error }, 'a request failed')
    return reply.code(500).send(errorBody(500, 'Something went wrong; the log says what'))
  })
  app.addSchema(ErrorBody)

  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: CONTENT_POLICY },
    // Other hosts of the same domain are not ours to decide about.
    strictTransportSecurity: tls !== undefined && { includeSubDomains: false },
  })
  await chatRoute(app, options)
  if (options.requestsPerMinute > 0) await limitRequests(app, options.requestsPerMinute, adminToken)
  await docs(app, { version, maxContentChars: node.decrees.maxContentChars })
  await app.register(health, { node })
  await app.register(async (operators) => {
    const isOperator = await requireOperator(operators, adminToken)
    operators.addHook('onRoute', ({ schema }) => {
      if (schema) schema.security = [{ operator: [] }]
    })
    const trail = new Audit(operators, audit, isOperator)
    await operators.register(users, { node })
    await operators.register(bans, { node, audit: trail })
    await operators.register(announcements, { node })
    await operators.register(messages, { node })
    await operators.register(accountRoutes, { accounts })
    await operators.register(nodes, { node })
  })
  return app
}
