/** The environment, as one validated, frozen object. */
import { readFileSync } from 'node:fs'
import { isIP, isIPv4 } from 'node:net'
import { hostname } from 'node:os'
import { createSecureContext } from 'node:tls'
import Type, { type Static } from 'typebox'
import { Check } from 'typebox/value'

const MAX_TIMER_MS = 2 ** 31 - 1

/** What a Redis is called that sentinels watch, where nobody says otherwise. */
const SENTINEL_NAME = 'mymaster'

/** A secret for HS256 is as long as its hash at least (RFC 7518, 3.2). */
const MIN_SECRET_BYTES = 32

/** What is said of a variable, beside its schema. `shown`: the default as the documents show it, where it is not plain. */
interface About {
  readonly description: string
  readonly accepts: string
  readonly shown?: string
}

/** From the most to the least that is logged. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

/** All variables: type, default, limits, and what they mean. Durations are in milliseconds, sizes in bytes. */
export const CONFIG = Type.Object({
  HOST: Type.Refine(
    Type.String({
      default: '127.0.0.1',
      description: 'Address to listen on; `0.0.0.0` lets the network in',
      accepts: 'an address or a host name',
    }),
    isHost,
  ),
  PORT: whole(3000, 0, 65_535, 'Port to listen on; 0 takes a free one'),
  REDIS_URL: optional(isRedisUrl, {
    description: 'Redis that nodes share the room over; without it and without sentinels, one node in memory',
    accepts: 'a redis:// or rediss:// URL',
  }),
  REDIS_SENTINELS: Type.Array(Type.Refine(Type.String(), isSentinel), {
    default: [],
    description: 'Sentinels that know where Redis is, as `host:port` with commas between',
    accepts: 'host:port, with commas between',
    shown: '',
  }),
  REDIS_SENTINEL_NAME: text(SENTINEL_NAME, /^[\w.-]+$/, {
    description: 'What the sentinels call the Redis to use',
    accepts: 'letters, digits and . _ -',
  }),
  KEY_PREFIX: text('tertulia', /^[\w.-]{1,64}$/, {
    description: 'With Redis: what all keys begin with',
    accepts: '1 to 64 letters, digits and . _ -',
  }),
  NODE_ID: text(nodeLabel(hostname()), /^[\w.-]{1,64}$/, {
    description: 'What this node is called; in `node`, random characters follow',
    accepts: '1 to 64 letters, digits and . _ -',
    shown: 'the host name',
  }),
  ADMIN_TOKEN: optional((token) => /^[\x21-\x7e]+$/.test(token), {
    description: 'What operators authenticate with. Without it, a random one is made and logged at start',
    accepts: 'printable ASCII without spaces',
  }),
  AUTH: Type.Enum(['open', 'required'], {
    default: 'open',
    description: '`required`: no guests; a name needs a password or a token',
    accepts: 'open or required',
  }),
  AUTH_PASSWORDS: Type.Enum(['on', 'off'], {
    default: 'on',
    description: 'Whether names can be claimed and proved with passwords',
    accepts: 'on or off',
  }),
  AUTH_JWT_SECRET: optional((secret) => Buffer.byteLength(secret) >= MIN_SECRET_BYTES, {
    description: 'Secret of signed tokens (JWT, HS256), whose subject is the name',
    accepts: `at least ${MIN_SECRET_BYTES} bytes`,
  }),
  AUTH_JWKS_URL: optional(isKeysUrl, {
    description: 'Where the public keys of signed tokens are (JWKS), instead of a secret',
    accepts: 'an https:// URL; http:// only of this machine',
  }),
  AUTH_JWT_AUDIENCE: optional((text) => text !== '', {
    description: 'What `aud` of a token must be, or hold',
    accepts: 'a text',
  }),
  AUTH_JWT_ISSUER: optional((text) => text !== '', {
    description: 'What `iss` of a token must be',
    accepts: 'a text',
  }),
  ACCOUNT_TTL_DAYS: whole(90, 1, 3650, 'Days after which a claimed name that nobody used is free again'),
  ACCOUNT_CLAIMS_PER_DAY: whole(
    100,
    1,
    1_000_000,
    'Names that can be claimed with passwords from one address (IPv6: from one /64) in a day',
  ),
  TRUST_PROXY: Type.Array(Type.Refine(Type.String(), isProxy), {
    default: [],
    description: 'Proxies whose `X-Forwarded-For` is believed',
    accepts: '`off`, or addresses and CIDR ranges with commas between',
    shown: 'off',
  }),
  LOG_LEVEL: Type.Enum(LOG_LEVELS, {
    default: 'info',
    description: 'Least level that is logged',
    accepts: `one of ${LOG_LEVELS.join(', ')}`,
  }),
  PING_INTERVAL_MS: whole(
    25_000,
    1,
    MAX_TIMER_MS,
    'Between two pings; three without a byte from the client end it',
  ),
  REGISTER_TIMEOUT_MS: whole(120_000, 1, MAX_TIMER_MS, 'How long a connection may take to register'),
  IDLE_AFTER_MS: whole(300_000, 1, MAX_TIMER_MS, 'Silence after which an `ACTIVO` user becomes `INACTIVO`'),
  MAX_FRAME_BYTES: whole(65_536, 256, 16_777_216, 'Largest frame that is read'),
  MAX_CONTENT_CHARS: whole(4096, 1, 1_048_576, 'Longest message, in code points'),
  RATE_PER_SECOND: whole(
    100,
    0,
    1_000_000,
    'Frames of a connection each second; faster ones wait. 0: no limit',
  ),
  RATE_BURST: whole(1000, 1, 1_000_000, 'Frames that a connection may send at once before it is slowed'),
  MAX_CONNECTIONS: whole(
    0,
    0,
    10_000_000,
    'Connections to `/chat` on this node; more are answered 503. 0: no limit',
  ),
  MAX_CONNECTIONS_PER_IP: whole(
    0,
    0,
    10_000_000,
    'The same from one address (IPv6: from one /64); more are answered 429. 0: no limit',
  ),
  UPGRADES_PER_SECOND: whole(
    1000,
    0,
    1_000_000,
    'Connections to `/chat` that this node lets in each second; more wait their turn, up to 10 s. 0: no limit',
  ),
  REGISTRATIONS_PER_MINUTE: whole(
    600,
    0,
    10_000_000,
    'Frames `register` from one address (IPv6: from one /64) on this node; more wait. 0: no limit',
  ),
  API_REQUESTS_PER_MINUTE: whole(
    600,
    0,
    10_000_000,
    'HTTP requests from one address (IPv6: from one /64) on this node, other than for health and upgrades; more are answered 429. 0: no limit',
  ),
  ALLOWED_ORIGINS: Type.Array(Type.Refine(Type.String(), isOrigin), {
    default: [],
    description:
      'Web pages that may connect, as their origins with commas between; who sends no `Origin` may always',
    accepts: 'origins such as https://chat.example, without a path or *, with commas between',
    shown: 'any',
  }),
  SHOW_ADDRESSES: Type.Enum(['on', 'off'], {
    default: 'on',
    description: "Whether `user_info` shows users' addresses; `off`: it shows `0.0.0.0`",
    accepts: 'on or off',
  }),
  TLS_CERT: optional((path) => path !== '', {
    description: 'File with the certificate chain (PEM): serves https and wss itself',
    accepts: 'a path',
  }),
  TLS_KEY: optional((path) => path !== '', {
    description: 'File with the private key (PEM) of the certificate',
    accepts: 'a path',
  }),
  OUTBOX_MAX_BYTES: whole(
    1_048_576,
    1024,
    1_073_741_824,
    'What a client may leave unread before it is closed 1013',
  ),
  BEAT_MS: whole(2000, 10, MAX_TIMER_MS, 'With Redis: how often a node renews its lease'),
  LEASE_MS: whole(
    6000,
    30,
    MAX_TIMER_MS,
    'With Redis: how long a node counts as alive; at least 3 × `BEAT_MS`',
  ),
  COMMIT_TIMEOUT_MS: whole(
    5000,
    1,
    MAX_TIMER_MS,
    'With Redis: how long a frame waits to be sent there before it is refused',
  ),
  LOG_LENGTH: whole(
    100_000,
    1,
    100_000_000,
    'Events that the room keeps; in memory no more than 16 MiB of them',
  ),
  LOG_MAX_BYTES: whole(
    67_108_864,
    65_536,
    17_179_869_184,
    'With Redis: bytes that the log keeps at most, however many events they are',
  ),
  READY_LAG_MS: whole(
    0,
    0,
    MAX_TIMER_MS,
    'At shutdown: how long connections are still taken once readiness says no',
  ),
  RESUME_GRACE_MS: whole(
    30_000,
    0,
    MAX_TIMER_MS,
    'For how long an extended session is held whose connection broke, to be taken up again; 0: not at all',
  ),
  HISTORY_LENGTH: whole(10_000, 0, 1_000_000, 'How many broadcasts the history keeps; 0: none'),
  DRAIN_MS: whole(5000, 0, MAX_TIMER_MS, 'At shutdown: over what time sessions are closed'),
})

export type Config = Readonly<Static<typeof CONFIG>>
export type ConfigName = keyof Config

/** Variables that may be read from the file that `NAME_FILE` names, and whose values are never shown. */
export const SECRETS: ReadonlySet<string> = new Set<ConfigName>([
  'REDIS_URL',
  'ADMIN_TOKEN',
  'AUTH_JWT_SECRET',
])

/** One variable, as the documents and the messages need it. */
export interface Setting {
  readonly name: string
  readonly schema: Type.TSchema
  readonly default: unknown
  /** What holds when the variable is not set, for people. */
  readonly shown: string
  readonly description: string
  readonly accepts: string
}

/** All variables, in the order in which they are documented. */
export const SETTINGS: readonly Setting[] = Object.entries(CONFIG.properties).map(([name, schema]) => {
  const said = (keyword: string): unknown => Reflect.get(schema, keyword)
  const value = said('default')
  return {
    name,
    schema,
    default: value,
    shown: String(said('shown') ?? value),
    description: String(said('description')),
    accepts: String(said('accepts')),
  }
})

/** Says everything that is wrong with the environment, a line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'

  constructor(problems: readonly string[]) {
    super(['The configuration is not valid:', ...problems].join('\n  '))
  }
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads the configuration.
 * @param env usually `process.env`; an empty variable counts as not set
 * @throws {ConfigError} listing all that is wrong
 */
export function loadConfig(env: Environment): Config {
  const problems: string[] = []
  const config: Record<string, unknown> = {}
  for (const { name, schema, accepts, default: value } of SETTINGS) {
    const raw = SECRETS.has(name) ? readSecret(env, name, problems) : env[name]
    if (!raw) {
      if (value !== undefined) config[name] = value
      continue
    }
    config[name] = parse(schema, raw)
    if (Check(schema, config[name])) continue
    problems.push(`${name} must be ${accepts}${SECRETS.has(name) ? '' : `, not ${JSON.stringify(raw)}`}`)
  }
  problems.push(...crossCheck(config))
  if (problems.length === 0 && Check(CONFIG, config)) return Object.freeze(config)
  throw new ConfigError(problems)
}

/** What does not fit together among what is right by itself. */
function crossCheck(config: Readonly<Record<string, unknown>>): string[] {
  const problems: string[] = []
  const { BEAT_MS, LEASE_MS, REDIS_SENTINELS, REDIS_SENTINEL_NAME } = config
  if (typeof BEAT_MS === 'number' && typeof LEASE_MS === 'number' && LEASE_MS < 3 * BEAT_MS)
    problems.push(`LEASE_MS (${LEASE_MS}) must be at least three times BEAT_MS (${BEAT_MS})`)
  const alone = Array.isArray(REDIS_SENTINELS) && REDIS_SENTINELS.length === 0
  if (alone && REDIS_SENTINEL_NAME !== SENTINEL_NAME)
    problems.push('REDIS_SENTINEL_NAME is set, but not REDIS_SENTINELS: who knows the Redis of that name?')
  return [...problems, ...crossCheckAuth(config), ...crossCheckTls(config)]
}

function crossCheckTls({ TLS_CERT, TLS_KEY }: Readonly<Record<string, unknown>>): string[] {
  if (TLS_CERT === undefined && TLS_KEY === undefined) return []
  if (typeof TLS_CERT !== 'string' || typeof TLS_KEY !== 'string')
    return ['TLS_CERT and TLS_KEY belong together: one of them is not set']
  try {
    createSecureContext({ cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY) })
    return []
  } catch (error) {
    return [`TLS_CERT and TLS_KEY cannot be used: ${error instanceof Error ? error.message : error}`]
  }
}

function crossCheckAuth(config: Readonly<Record<string, unknown>>): string[] {
  const { AUTH, AUTH_PASSWORDS, AUTH_JWT_SECRET, AUTH_JWKS_URL } = config
  const problems: string[] = []
  const tokens = AUTH_JWT_SECRET !== undefined || AUTH_JWKS_URL !== undefined
  if (AUTH_JWT_SECRET !== undefined && AUTH_JWKS_URL !== undefined)
    problems.push('AUTH_JWT_SECRET and AUTH_JWKS_URL are both set: tokens are signed in one way')
  for (const name of ['AUTH_JWT_AUDIENCE', 'AUTH_JWT_ISSUER'])
    if (config[name] !== undefined && !tokens)
      problems.push(`${name} is set, but neither AUTH_JWT_SECRET nor AUTH_JWKS_URL: no tokens are accepted`)
  if (AUTH === 'required' && AUTH_PASSWORDS === 'off' && !tokens)
    problems.push('AUTH is required, but there are neither passwords nor tokens: nobody could register')
  return problems
}

/** The value of `name`, or what the file says that `name_FILE` names. */
function readSecret(env: Environment, name: string, problems: string[]): string | undefined {
  const file = env[`${name}_FILE`]
  if (!file) return env[name]
  if (env[name]) {
    problems.push(`${name} and ${name}_FILE are both set: one of them is enough`)
    return undefined
  }
  try {
    const secret = readFileSync(file, 'utf8').trim()
    if (secret === '') problems.push(`${name}_FILE: ${file} is empty`)
    return secret
  } catch (error) {
    problems.push(`${name}_FILE cannot be read: ${error instanceof Error ? error.message : error}`)
    return undefined
  }
}

function parse(schema: Type.TSchema, raw: string): unknown {
  if (Type.IsInteger(schema)) return /^\d+$/.test(raw) ? Number(raw) : raw
  if (Type.IsArray(schema)) return raw === 'off' ? [] : raw.split(',').map((item) => item.trim())
  return raw
}

function whole(value: number, minimum: number, maximum: number, description: string) {
  const accepts = `a whole number from ${minimum} to ${maximum}`
  return Type.Integer({ default: value, minimum, maximum, description, accepts })
}

function text(value: string, pattern: RegExp, about: About) {
  return Type.String({ default: value, pattern, ...about })
}

function optional(check: (value: string) => boolean, about: About) {
  return Type.Optional(Type.Refine(Type.String({ default: undefined, shown: '', ...about }), check))
}

/** An address, or a name as DNS has it (RFC 1123, 2.1): its last part is no number, or it would be a wrong address. */
function isHost(value: string): boolean {
  if (isIP(value) !== 0) return true
  const labels = value.split('.')
  const name = labels.every((label) => /^[a-z\d_]([a-z\d_-]{0,61}[a-z\d_])?$/i.test(label))
  return name && value.length <= 253 && !/^\d+$/.test(labels.at(-1) ?? '')
}

function isRedisUrl(value: string): boolean {
  if (!/^rediss?:\/\/./.test(value) || !URL.canParse(value)) return false
  const { hostname, pathname } = new URL(value)
  return hostname !== '' && /^(\/\d*)?$/.test(pathname)
}

function isSentinel(value: string): boolean {
  const { host, port } = sentinelAddress(value)
  return isHost(host) && Number.isInteger(port) && port >= 1 && port <= 65_535
}

/** The parts of `host:port`; an IPv6 address stands in brackets. */
export function sentinelAddress(value: string): { readonly host: string; readonly port: number } {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(value) ?? []
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port || Number.NaN) }
}

/** As browsers send it (RFC 6454, 6.2): scheme, host, and a port where it is not the usual one. */
function isOrigin(value: string): boolean {
  // A pattern would be taken as it is written, and fit nobody.
  return URL.canParse(value) && new URL(value).origin === value && !value.includes('*')
}

/** Over https, or from this machine. */
function isKeysUrl(value: string): boolean {
  if (!/^https?:\/\/./.test(value) || !URL.canParse(value)) return false
  const { protocol, hostname, username, password } = new URL(value)
  // What fetches it takes no URL with a password in it.
  if (username !== '' || password !== '') return false
  return protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
}

/** An address, or a range of them as CIDR. */
function isProxy(value: string): boolean {
  const [address = '', bits, ...rest] = value.split('/')
  if (isIP(address) === 0 || rest.length > 0) return false
  if (bits === undefined) return true
  // All of them at once is not what trust means: the library that uses it refuses it too.
  return /^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (isIPv4(address) ? 32 : 128)
}

/** What a node is called after its host, whatever that is called. */
export function nodeLabel(host: string): string {
  return host.replace(/[^\w.-]/g, '-').slice(0, 64) || 'node'
}
