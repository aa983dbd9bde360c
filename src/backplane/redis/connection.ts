import { type RedisOptions as AllOptions, Redis } from 'ioredis'

// The library's own types cannot have an optional option set to undefined.
type RedisOptions = Omit<AllOptions, 'replyMapping'>

/** Where Redis is: a URL, or the sentinels that know. */
export interface RedisAddress {
  /** `redis://` or `rediss://`; beside sentinels its host and port do not count. */
  readonly url?: string
  readonly sentinels?: readonly { readonly host: string; readonly port: number }[]
  /** What the sentinels call the master. */
  readonly sentinelName?: string
}

/** A command to a frozen server, or over a line that was cut, gets no answer: it has failed after this time. */
const COMMAND_TIMEOUT_MS = 2000

const LEAST_TIMEOUT_MS = 500

const RECONNECT_MIN_MS = 100
const RECONNECT_SPREAD_MS = 400

/**
 * A connection that never repeats a command by itself: one that broke between execution and answer would publish twice.
 * It reconnects for ever, soon and with jitter, not later and later. Does not connect before `connect()`.
 * @param name what operators see in `CLIENT LIST`
 * @param leaseMs how long a node counts as alive
 */
export function createConnection(address: RedisAddress, name: string, leaseMs: number): Redis {
  const redis = new Redis({ ...locate(address), ...behaviour(name, commandTimeout(leaseMs)) })
  // What is wrong shows in the commands that fail, and in the log of whoever sent them.
  redis.on('error', () => {})
  return redis
}

/** Has it told why a connection does not come about, or broke: the commands that fail do not say. */
export function onTrouble(redis: Redis, tell: (error: Error) => void): void {
  redis.on('error', (error: Error) => {
    // Why, every sentinel has said by itself.
    if (!error.message.startsWith('All sentinels are unreachable')) tell(error)
  })
  redis.on('sentinelError', tell)
}

/** So soon that there is time left to connect again before the lease is over. */
function commandTimeout(leaseMs: number): number {
  return Math.min(COMMAND_TIMEOUT_MS, Math.max(Math.floor(leaseMs / 3), LEAST_TIMEOUT_MS))
}

function behaviour(name: string, timeoutMs: number): RedisOptions {
  return {
    lazyConnect: true,
    connectionName: name,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    sentinelCommandTimeout: timeoutMs,
    retryStrategy: reconnectDelay,
    // A master that became a replica keeps its connections: the new one has to be looked for.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  }
}

function locate({ url, sentinels, sentinelName }: RedisAddress): RedisOptions {
  const there = url === undefined ? {} : fromUrl(new URL(url))
  if (sentinels === undefined) return there
  const { username, password, db, tls } = there
  return {
    ...defined({ username, password, db, tls }),
    enableTLSForSentinelMode: tls !== undefined,
    sentinels: [...sentinels],
    name: sentinelName ?? 'mymaster',
    sentinelRetryStrategy: reconnectDelay,
  }
}

/** Host, port, user, password, database and TLS, as a Redis URL says them. */
function fromUrl({ protocol, hostname, port, username, password, pathname }: URL): RedisOptions {
  const database = pathname.slice(1)
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 6379),
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(database === '' ? {} : { db: Number(database) }),
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
  }
}

/** Without what is undefined: the library tells "not there" from "undefined". */
function defined(options: RedisOptions): RedisOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

function reconnectDelay(): number {
  return RECONNECT_MIN_MS + Math.random() * RECONNECT_SPREAD_MS
}

/** What a connection is connected with, for people. */
export interface Place {
  readonly host: string | undefined
  readonly port: number | undefined
  readonly tls: boolean
}

export function whereIs({ options, stream }: Redis): Place {
  const { sentinels, host, port } = options
  const tls = options.tls !== undefined && options.tls !== null
  // Before the sentinels have been asked there is no stream.
  return sentinels === null
    ? { host, port, tls }
    : { host: stream?.remoteAddress, port: stream?.remotePort, tls }
}

/**
 * Rejects when there is no such database as the URL names: the library would go on with database 0, where somebody else may be.
 */
export async function checkDatabase(redis: Redis): Promise<void> {
  const { db = 0 } = redis.options
  if (db !== 0) await redis.select(db)
}

/** Ends a connection that does not answer any more, so that another takes its place. */
export function reconnect(redis: Redis): void {
  if (redis.status === 'ready') redis.disconnect(true)
}

/** With what Redis says that it has done nothing, and does nothing at the moment. */
const REFUSALS = ['BUSY', 'LOADING', 'READONLY', 'MASTERDOWN', 'NOREPLICAS', 'MISCONF', 'NOAUTH']

/** Whether an error says for certain that a command was not executed. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && REFUSALS.some((word) => error.message.startsWith(`${word} `))
}

/** Whether an error says that the answer did not come in time. */
export function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === 'Command timed out'
}
