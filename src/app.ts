/** Puts the parts together. Never listens: main does, and tests as they like. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { Accounts } from './accounts/accounts.js'
import type { Cost } from './accounts/passwords.js'
import type { Backplane } from './backplane/backplane.js'
import { MemoryBackplane, MemoryRoom } from './backplane/memory.js'
import { RedisBackplane } from './backplane/redis/redis-backplane.js'
import type { Store } from './backplane/store.js'
import { ChatNode } from './chat/node.js'
import { type Config, LOG_LEVELS, sentinelAddress } from './config.js'
import { buildServer } from './http/server.js'
import { VERSION } from './version.js'

const DAY_MS = 86_400_000

export interface App {
  readonly http: FastifyInstance
  readonly node: ChatNode
  /**
   * Joins the other nodes; to be called once the server listens, so that it can be asked whether it is ready.
   * @returns what operators authenticate with
   */
  start(): Promise<string>
  /**
   * Leaves in good order: not ready at once, no new connections after `READY_LAG_MS`, sessions closed over `DRAIN_MS`. Resolves
   * when nothing is left.
   */
  leave(): Promise<void>
  /** Ends everything at once. */
  stop(): Promise<void>
}

/** What nodes share. */
export interface Shared {
  readonly backplane: Backplane
  readonly store: Store
}

/** What the configuration says that nodes share: a room in Redis, or in this process's memory. */
export function openShared(config: Config, log: FastifyBaseLogger): Shared {
  const { REDIS_URL, REDIS_SENTINELS } = config
  if (REDIS_URL !== undefined || REDIS_SENTINELS.length > 0) {
    const backplane = new RedisBackplane({
      address: {
        ...(REDIS_URL !== undefined && { url: REDIS_URL }),
        ...(REDIS_SENTINELS.length > 0 && {
          sentinels: REDIS_SENTINELS.map(sentinelAddress),
          sentinelName: config.REDIS_SENTINEL_NAME,
        }),
      },
      keyPrefix: config.KEY_PREFIX,
      beatMs: config.BEAT_MS,
      leaseMs: config.LEASE_MS,
      commitTimeoutMs: config.COMMIT_TIMEOUT_MS,
      logLength: config.LOG_LENGTH,
      logMaxBytes: config.LOG_MAX_BYTES,
      accountTtlMs: config.ACCOUNT_TTL_DAYS * DAY_MS,
      resumeGraceMs: config.RESUME_GRACE_MS,
      historyLength: config.HISTORY_LENGTH,
      log,
      name: `tertulia-${config.NODE_ID}`,
    })
    return { backplane, store: backplane.store }
  }
  const accountTtlMs = config.ACCOUNT_TTL_DAYS * DAY_MS
  const room = new MemoryRoom({
    maxEvents: config.LOG_LENGTH,
    accountTtlMs,
    resumeGraceMs: config.RESUME_GRACE_MS,
    historyLength: config.HISTORY_LENGTH,
  })
  return { backplane: new MemoryBackplane(room), store: room.store }
}

/**
 * Builds a node and its server.
 * @param shared what it shares with other nodes
 * @param passwordCost what hashing a password costs, for tests that cannot be that slow
 */
export async function buildApp(
  config: Config,
  log: FastifyBaseLogger,
  shared = openShared(config, log),
  passwordCost?: Cost,
): Promise<App> {
  const { backplane, store } = shared
  const tls = readTls(config)
  const accounts = new Accounts({
    store,
    guests: config.AUTH === 'open',
    passwords: config.AUTH_PASSWORDS === 'on',
    tokens: {
      secret: config.AUTH_JWT_SECRET,
      jwksUrl: config.AUTH_JWKS_URL,
      audience: config.AUTH_JWT_AUDIENCE,
      issuer: config.AUTH_JWT_ISSUER,
    },
    claimsPerDay: config.ACCOUNT_CLAIMS_PER_DAY,
    ...(passwordCost !== undefined && { cost: passwordCost }),
  })
  const node = new ChatNode({
    backplane,
    log,
    label: config.NODE_ID,
    doorkeeper: accounts,
    maxContentChars: config.MAX_CONTENT_CHARS,
    outboxMaxBytes: config.OUTBOX_MAX_BYTES,
    holds: config.RESUME_GRACE_MS > 0,
    historyLength: config.HISTORY_LENGTH,
    pingIntervalMs: config.PING_INTERVAL_MS,
    registerTimeoutMs: config.REGISTER_TIMEOUT_MS,
    idleAfterMs: config.IDLE_AFTER_MS,
    rate: { perSecond: config.RATE_PER_SECOND, burst: config.RATE_BURST },
    registrationsPerMinute: config.REGISTRATIONS_PER_MINUTE,
    showAddresses: config.SHOW_ADDRESSES === 'on',
  })
  let adminToken = config.ADMIN_TOKEN
  const http = await buildServer({
    node,
    accounts,
    audit: log.child({ audit: true }, { level: atMost('info', config.LOG_LEVEL) }),
    log: log.child({}, { level: atLeast('warn', config.LOG_LEVEL) }),
    adminToken: () => adminToken,
    trustProxy: config.TRUST_PROXY,
    maxFrameBytes: config.MAX_FRAME_BYTES,
    allowedOrigins: config.ALLOWED_ORIGINS,
    connections: { max: config.MAX_CONNECTIONS, maxPerAddress: config.MAX_CONNECTIONS_PER_IP },
    upgradesPerSecond: config.UPGRADES_PER_SECOND,
    requestsPerMinute: config.API_REQUESTS_PER_MINUTE,
    ...(tls && { tls }),
    version: VERSION,
  })
  await http.ready()

  const start = async () => {
    await node.start()
    adminToken ??= await store.putIfAbsent('secret', 'admin-token', randomBytes(24).toString('base64url'))
    return adminToken
  }
  const stop = async () => {
    await node.stop()
    await http.close()
  }
  const leave = async () => {
    node.leaveSoon()
    await sleep(config.READY_LAG_MS)
    http.server.close()
    await node.drain(config.DRAIN_MS, config.COMMIT_TIMEOUT_MS)
    await stop()
  }
  return { http, node, start, leave, stop }
}

/** @throws when a file cannot be read */
function readTls({ TLS_CERT, TLS_KEY }: Config) {
  if (TLS_CERT === undefined || TLS_KEY === undefined) return undefined
  return { cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY) }
}

/** Written down whatever else is logged, unless nothing is. */
function atMost(most: Config['LOG_LEVEL'], level: Config['LOG_LEVEL']): Config['LOG_LEVEL'] {
  const silent = level === 'silent'
  return silent || LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(most) ? level : most
}

/** The framework's own news of every address and request are not ours: of them only what is wrong is logged. */
function atLeast(least: Config['LOG_LEVEL'], level: Config['LOG_LEVEL']): Config['LOG_LEVEL'] {
  return LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(least) ? level : least
}
