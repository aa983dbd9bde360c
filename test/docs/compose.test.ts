/** What docker-compose.yml and the files beside it promise, as far as it can be read there. test/compose/run tries it. */
import t from 'tap'
import Type from 'typebox'
import { Parse } from 'typebox/value'
// It comes with tap.
import { parse } from 'yaml'
import { MAX_WAIT_MS } from '../../src/chat/waiting-line.js'
import { loadConfig, SETTINGS } from '../../src/config.js'
import { read } from './markdown.js'

const Service = Type.Object({
  image: Type.Optional(Type.String()),
  build: Type.Optional(Type.String()),
  user: Type.Optional(Type.String()),
  ports: Type.Optional(Type.Array(Type.String())),
  environment: Type.Optional(Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()]))),
  command: Type.Optional(Type.Array(Type.String())),
  restart: Type.String(),
  read_only: Type.Boolean(),
  cap_drop: Type.Array(Type.String()),
  security_opt: Type.Array(Type.String()),
  mem_limit: Type.String(),
  pids_limit: Type.Number(),
  stop_grace_period: Type.Optional(Type.String()),
})
const { services } = Parse(
  Type.Object({ services: Type.Object({ proxy: Service, chat: Service, redis: Service }) }),
  parse(read('docker-compose.yml'), { merge: true }),
)
const proxyConfig = read('docker/haproxy.cfg')
const dockerfile = read('Dockerfile')

/** As Compose does it where nothing is set. */
function withDefaults(value: unknown): string {
  return String(value).replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1')
}

const environment = Object.fromEntries(
  Object.entries(services.chat.environment ?? {}).map(([name, value]) => [name, withDefaults(value)]),
)
const config = loadConfig(environment)

/** What stands behind some words in docker/haproxy.cfg: a number, or a time in milliseconds. */
function ofProxy(words: string): number {
  const [, amount = '', unit = ''] =
    new RegExp(`^[^#\\n]*\\b${words} (\\d+)(ms|s|m)?\\b`, 'm').exec(proxyConfig) ?? []
  if (amount === '') throw new Error(`docker/haproxy.cfg has no "${words}"`)
  return Number(amount) * ({ s: 1000, m: 60_000 }[unit] ?? 1)
}

function megabytes(text = ''): number {
  const [, amount = '', unit = ''] = /^(\d+)(mb?|gb?)$/.exec(text) ?? []
  return Number(amount) * (unit.startsWith('g') ? 1024 : 1)
}

t.test('every container is confined, and comes back by itself', async (t) => {
  for (const [name, service] of Object.entries(services)) {
    t.equal(service.restart, 'unless-stopped', name)
    t.equal(service.read_only, true, name)
    t.same(service.cap_drop, ['ALL'], name)
    t.same(service.security_opt, ['no-new-privileges:true'], name)
    t.ok(megabytes(service.mem_limit) > 0, name)
    const user = service.build === undefined ? service.user : /^USER (\w+)$/m.exec(dockerfile)?.[1]
    t.ok(user !== undefined && user !== 'root', name)
  }
})

t.test('one port is published, on the loopback: that of the proxy', async (t) => {
  const published = Object.entries(services).flatMap(([name, { ports = [] }]) =>
    ports.map((port) => `${name} ${withDefaults(port)}`),
  )
  t.same(published, ['proxy 127.0.0.1:8080:8080'])
})

t.test('what the nodes are told is known to the program', async (t) => {
  const known = SETTINGS.map(({ name }) => name)
  t.same(
    Object.keys(environment).filter((name) => !known.includes(name)),
    [],
  )
})

t.test(
  'the nodes listen where the proxy looks for them, and log the address that is published',
  async (t) => {
    const looked = proxyConfig.matchAll(/^ {2}server-template .* chat:(\d+) /gm)
    const ports = Array.from(looked, ([, port]) => Number(port))
    t.same(ports, [config.PORT, config.PORT], 'for those that are ready, and for those that live')
    t.equal(config.PORT, 8080)
  },
)

t.test(
  'who chats is sent to a node that is ready; while none is, operators ask one that lives',
  async (t) => {
    const backends = proxyConfig.split(/^backend /m).slice(1)
    const checks = backends.map((backend) => [
      /^\w+/.exec(backend)?.[0],
      /^ {2}option httpchk GET (\S+)$/m.exec(backend)?.[1],
    ])
    t.same(Object.fromEntries(checks), { nodes: '/health/ready', living: '/health/live' })
    t.match(proxyConfig, /^ {2}default_backend nodes$/m)
  },
)

t.test('the nodes believe the proxy and nobody else', async (t) => {
  const [address = ''] = config.TRUST_PROXY
  t.equal(config.TRUST_PROXY.length, 1)
  t.match(withDefaults(read('docker-compose.yml')), `front: { ipv4_address: '${address}' }`)
})

t.test('a node that leaves takes clients until the proxy has seen it', async (t) => {
  const check = ofProxy('inter') + ofProxy('timeout check')
  const seen = ofProxy('inter') + ofProxy('fall') * check + (ofProxy('fall') - 1) * ofProxy('fastinter')
  t.ok(seen < config.READY_LAG_MS, `${seen} ms`)
})

t.test('Docker waits until a node has left', async (t) => {
  const seconds = Number.parseInt(services.chat.stop_grace_period ?? '', 10)
  t.ok(config.READY_LAG_MS + config.DRAIN_MS + 2000 + config.COMMIT_TIMEOUT_MS < seconds * 1000)
})

t.test('the proxy waits longer than a silent client may be silent', async (t) => {
  t.ok(ofProxy('timeout tunnel') > 3 * config.PING_INTERVAL_MS)
})

t.test('the proxy waits longer for an answer than an upgrade waits for its turn', async (t) => {
  t.ok(ofProxy('timeout server') > MAX_WAIT_MS)
})

/** What a full log takes in Redis for each byte of LOG_MAX_BYTES, by measurement: it may be exceeded by an eighth. */
const IN_REDIS = 1.4
/** Redis throws a listener out that lags by more: client-output-buffer-limit pubsub. */
const LAG_MEGABYTES = 32

t.test('a full log and ten nodes that lag fit into Redis, twice that into its container', async (t) => {
  const maxmemory = services.redis.command?.find((line) => line.startsWith('--maxmemory '))
  const kept = megabytes(maxmemory?.split(' ')[1])
  t.ok((config.LOG_MAX_BYTES * IN_REDIS) / 1024 ** 2 + 10 * LAG_MEGABYTES < kept)
  t.ok(2 * kept <= megabytes(services.redis.mem_limit))
})
