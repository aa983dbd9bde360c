import t, { type Test } from 'tap'
import {
  createConnection,
  isTimeout,
  type RedisAddress,
  reconnect,
} from '../../../src/backplane/redis/connection.js'
import { join, person, say } from '../../contract/people.js'
import { selfSigned } from '../../support/redis/certificate.js'
import { needsRedis } from '../../support/redis/find.js'
import { startServer } from '../../support/server-process.js'
import { TcpProxy } from '../../support/tcp-proxy.js'
import { until } from '../../support/until.js'
import { client, startRedis } from './kit.js'
import { Node } from './nodes.js'

const options = await needsRedis(t)
const LEASE_MS = 10_000
const TRYING = 'Redis cannot be reached: trying until it can'

/** Starts a node, and has somebody enter and be found. */
async function use(t: Test, url: string, keyPrefix = 'chat'): Promise<Node> {
  const node = new Node(t, { address: { url }, keyPrefix })
  await node.start()
  const ana = await node.join('Ana')
  t.strictSame(await node.commit(say(ana)), ['ok'])
  await node.catchUp()
  t.match(await node.backplane.find(ana.key), { name: 'Ana' })
  return node
}

t.test('a URL says host, port, user, password, database and TLS', async (t) => {
  const of = (address: RedisAddress) => {
    const redis = createConnection(address, 'name', LEASE_MS)
    redis.disconnect()
    const { host, port, username, password, db, tls } = redis.options
    return { host, port, username, password, db, tls: tls !== undefined && tls !== null }
  }
  const none = { username: null, password: null, db: 0, tls: false }
  t.match(of({ url: 'redis://redis.example' }), { ...none, host: 'redis.example', port: 6379 })
  t.match(of({ url: 'redis://[::1]:7000/2' }), { ...none, host: '::1', port: 7000, db: 2 })
  t.match(of({ url: 'rediss://h/' }), { ...none, tls: true })
  t.match(of({ url: 'redis://:p%40ss%3A%2F@h' }), { ...none, password: 'p@ss:/' })
  t.match(of({ url: 'redis://us%20er:p%C3%B1@h:1/15' }), {
    username: 'us er',
    password: 'pñ',
    db: 15,
    port: 1,
  })
})

t.test('beside sentinels, a URL says user, password, database and TLS', async (t) => {
  const sentinels = [{ host: '127.0.0.1', port: 1 }]
  const of = (address: RedisAddress) => {
    const redis = createConnection(address, 'name', LEASE_MS)
    redis.disconnect()
    return redis.options
  }
  t.match(of({ sentinels }), {
    sentinels,
    name: 'mymaster',
    enableTLSForSentinelMode: false,
    password: null,
    db: 0,
  })
  t.match(of({ sentinels, sentinelName: 'other', url: 'rediss://u:p@h:1/3' }), {
    sentinels,
    name: 'other',
    username: 'u',
    password: 'p',
    db: 3,
    tls: {},
    enableTLSForSentinelMode: true,
  })
})

t.test('a command that is not answered fails in time, sooner where leases are short', options, async (t) => {
  const server = await startRedis(t)
  for (const [lease, timeout] of [
    [100, 500],
    [3000, 1000],
    [60_000, 2000],
  ] as const) {
    const redis = createConnection({ url: server.url }, 'name', lease)
    t.teardown(() => redis.disconnect())
    t.match(redis.options, {
      commandTimeout: timeout,
      connectTimeout: timeout,
      sentinelCommandTimeout: timeout,
    })
  }
  const redis = createConnection({ url: server.url }, 'name', 100)
  t.teardown(() => redis.disconnect())
  await redis.connect()
  await server.pause()
  const error = await redis.ping().catch((error: unknown) => error)
  t.ok(isTimeout(error))
  t.notOk(isTimeout(new Error('another')))
  await server.resume()
  t.equal(await redis.ping(), 'PONG')
})

t.test('a connection begins again when it is told to, and no command waits for it', options, async (t) => {
  const server = await startRedis(t)
  const redis = createConnection({ url: server.url }, 'the-name', LEASE_MS)
  t.teardown(() => redis.disconnect())
  await redis.connect()
  const id = await redis.client('ID')
  t.match(await redis.client('INFO'), / name=the-name /)
  reconnect(redis)
  reconnect(redis)
  await until('it has gone', () => redis.status !== 'ready')
  await t.rejects(redis.ping())
  await until('it is back', () => redis.status === 'ready')
  t.not(await redis.client('ID'), id)
})

t.test(
  'it connects again for ever, after 100 to 500 ms, not later and later, and not all at once',
  async (t) => {
    const { retryStrategy, sentinelRetryStrategy } = createConnection(
      { url: 'redis://h' },
      'name',
      LEASE_MS,
    ).options
    t.type(retryStrategy, Function)
    t.equal(typeof sentinelRetryStrategy, 'function')
    const delays = Array.from({ length: 50 }, (_, times) => Number(retryStrategy?.(times + 1)))
    t.ok(
      delays.every((delay) => delay >= 100 && delay <= 500),
      delays.join(),
    )
    t.ok(new Set(delays).size > 10, 'with jitter')
  },
)

t.test('a command under way when the line breaks fails, and is not sent again', options, async (t) => {
  const server = await startRedis(t)
  const proxy = await TcpProxy.to(server.port)
  t.teardown(() => proxy.close())
  const redis = createConnection({ url: `redis://127.0.0.1:${proxy.port}` }, 'name', LEASE_MS)
  t.teardown(() => redis.disconnect())
  await redis.connect()
  await proxy.blackhole('toClient')
  const failed = redis.incr('count').then(
    () => false,
    () => true,
  )
  await until('it was executed', async () => (await server.call('GET', 'count')) === '1')
  await proxy.drop()
  t.ok(await failed)
  await proxy.restore()
  await until('it is back', () => redis.status === 'ready')
  t.equal(await redis.get('count'), '1')
})

t.test(
  'a Redis that reads its file takes its time, and nothing is lost or said twice',
  options,
  async (t) => {
    const slow = ['--key-load-delay', '2000', '--loading-process-events-interval-bytes', '1024']
    const server = await startRedis(t, { appendonly: true, args: slow })
    const keyPrefix = 'chat'
    const [one, two] = [0, 1].map(() => new Node(t, { address: { url: server.url }, keyPrefix }))
    if (one === undefined || two === undefined) throw new Error('two are two')
    await one.start()
    await two.start()
    const ana = await one.join('Ana')
    for (let count = 0; count < 300; count += 1) await one.commit(say(ana, `${count}`))
    await two.catchUp()
    await server.kill()
    await until('they know', () => one.sink.healths.at(-1) === false && two.sink.healths.at(-1) === false)
    await server.restart()
    await until('it can talk', async () => (await one.commit(say(ana, 'after')))[0] === 'ok', 30_000)
    await two.sink.until('it is told', () => two.sink.said.includes('after'))
    t.strictSame(two.sink.said, [...Array.from({ length: 300 }, (_, count) => `${count}`), 'after'])
    t.strictSame([...new Set(two.sink.kinds)], ['joined', 'said', 'epoch'])
  },
)

t.test('a listener that lags too much is thrown out by Redis, and misses nothing', options, async (t) => {
  const server = await startRedis(t, { args: ['--client-output-buffer-limit', 'pubsub 100kb 100kb 1'] })
  const node = new Node(t, { address: { url: server.url } })
  await node.start()
  const ana = await node.join('Ana')
  const text = 'x'.repeat(60_000)
  const said = Array.from({ length: 400 }, (_, count) => `${count} ${text}`)
  const outcomes = await Promise.all(said.map((content) => node.commit(say(ana, content))))
  t.strictSame([...new Set(outcomes.flat())], ['ok'])
  await node.catchUp()
  t.ok(node.sink.healths.includes(false), 'it was thrown out')
  t.strictSame(node.sink.said, said)
  t.strictSame([...new Set(node.sink.kinds)], ['joined', 'said'])
})

t.test(
  'a user with a password may be one who has but the keys and channels of the room',
  options,
  async (t) => {
    const server = await startRedis(t)
    const rules = ['~{chat}:*', '&{chat}:*', '+@all', '-@dangerous', '+info']
    await server.call('ACL', 'SETUSER', 'the:chat', 'on', '>p@ss:/%', ...rules)
    await server.call('ACL', 'SETUSER', 'default', 'off')
    const node = await use(t, `redis://the%3Achat:p%40ss%3A%2F%25@127.0.0.1:${server.port}`)
    t.strictSame(node.log.warnings, [])
  },
)

t.test('a password alone is that of the default user', options, async (t) => {
  const server = await startRedis(t, { password: 'p@ss "\\ word/%' })
  await use(t, server.url)
})

t.test('rooms in databases of their own keep apart, also with the same prefix', options, async (t) => {
  const server = await startRedis(t)
  const one = await use(t, `${server.url}/3`)
  const two = await use(t, server.url)
  const three = await use(t, `${server.url}/3`, 'another')
  for (const { backplane } of [one, two, three]) t.equal((await backplane.nodes()).length, 1)
  const admin = client(t, server.url)
  t.ok((await admin.exists('{chat}:users')) === 1 && (await admin.exists('{another}:users')) === 0)
  await admin.select(3)
  t.equal(await admin.exists('{chat}:users', '{another}:users'), 2)
  const beat = async () => await admin.hget('{chat}:meta', 'beat')
  for (let count = 0; count < 5; count += 1) {
    const before = await beat()
    await until('a beat', async () => (await beat()) !== before)
  }
  for (const { log } of [one, two, three]) t.strictSame(log.warnings, [], 'although they hear each other')
})

t.test('a database that there is not is said clearly, and no other is used', options, async (t) => {
  const server = await startRedis(t, { args: ['--databases', '4'] })
  const { log, started } = starting(t, `${server.url}/4`)
  await until('it is said', () => log.count(TRYING) > 0)
  t.match(log.errors[0], /DB index is out of range/)
  t.strictSame(await server.call('KEYS', '*'), [])
  t.equal(await Promise.race([started, 'not started']), 'not started')
})

t.test('a wrong password is said clearly, and tried again', options, async (t) => {
  const server = await startRedis(t, { password: 'right' })
  const node = new Node(t, { address: { url: `redis://:wrong@127.0.0.1:${server.port}` } })
  const { log } = node
  const started = node.start()
  await until('it is said', () => log.count(TRYING) > 0)
  t.match(log.errors[0], /^WRONGPASS/)
  await server.call('CONFIG', 'SET', 'requirepass', 'wrong')
  await started
})

/** A node that may not come to start. */
function starting(t: Test, url: string) {
  const node = new Node(t, { address: { url } })
  const started = node.start()
  started.catch(() => {})
  return { log: node.log, started }
}

t.test('no password where one is wanted is said clearly', options, async (t) => {
  const server = await startRedis(t, { password: 'right' })
  const node = new Node(t, { address: { url: `redis://127.0.0.1:${server.port}` } })
  const { log } = node
  node.start().catch(() => {})
  await until('it is said', () => log.count(TRYING) > 0)
  t.match(log.errors[0], /^NOAUTH/)
})

t.test('what Redis takes no writes for is refused in time, and nothing of it is done', options, async (t) => {
  const server = await startRedis(t)
  const node = new Node(t, { address: { url: server.url }, commitTimeoutMs: 500 })
  await node.start()
  const { log } = node
  await server.call('CONFIG', 'SET', 'min-replicas-to-write', '1')
  for (let times = 0; times < 2; times += 1)
    t.strictSame(await node.commit(join(person('Ana'))), ['UNAVAILABLE'])
  t.equal(log.count('Redis takes nothing now: what is sent is refused'), 1)
  t.match(log.errors.join(), /NOREPLICAS/)
  t.equal(log.count('a batch was not answered: it is sent again until it is'), 0)
  await server.call('CONFIG', 'SET', 'min-replicas-to-write', '0')
  t.strictSame(await node.commit(join(person('Ana')), join(person('Ana'))), ['ok', 'NAME_TAKEN'])
})

t.test('a port where nobody listens is said clearly', options, async (t) => {
  const server = await startRedis(t)
  await server.kill()
  const node = new Node(t, { address: { url: server.url } })
  const { log } = node
  const started = node.start()
  await until('it is said', () => log.count(TRYING) > 0)
  t.match(log.errors[0], `connect ECONNREFUSED 127.0.0.1:${server.port}`)
  await server.restart()
  await started
})

t.test('why a connection broke is said when it does not come back', options, async (t) => {
  const server = await startRedis(t)
  const { log } = await use(t, server.url)
  await server.kill()
  await until('it is said', () => log.count('Redis cannot be reached') > 0)
  t.match(log.errors.join(), /ECONNREFUSED|connection was closed/)
})

t.test('a server whose certificate signs itself', options, async (t) => {
  const tls = await selfSigned(t.testdir())
  const server = await startRedis(t, { tls })
  const ready = async (http: string) => (await fetch(`${http}/health/ready`)).ok

  t.test('is trusted by a process that was given it', async (t) => {
    const env = { REDIS_URL: server.url, NODE_EXTRA_CA_CERTS: tls.cert }
    const { http, lines } = await startServer(t, env)
    await until('readiness', () => ready(http), 30_000)
    t.notMatch(lines.join(), 'cannot be reached')
  })

  t.test('is not trusted by another, which says why', async (t) => {
    const { http, lines } = await startServer(t, { REDIS_URL: server.url, NODE_EXTRA_CA_CERTS: '' })
    await until('it is said', () => lines.some((line) => line.includes(TRYING)), 30_000)
    t.match(lines.join(), 'self-signed certificate')
    t.notOk(await ready(http))
  })
})

t.test('a server that takes no writes any more is left for the one that does', options, async (t) => {
  const server = await startRedis(t)
  const node = await use(t, server.url)
  const { log } = node
  const admin = client(t, server.url)
  const commands = async () => /id=(\d+) [^\n]* name=test /.exec(String(await admin.client('LIST')))?.[1]
  const before = await commands()
  t.ok(before)
  // It becomes a replica of nobody who is there: READONLY.
  await server.call('REPLICAOF', '127.0.0.1', '1')
  await until('it connects again', async () => ![before, undefined].includes(await commands()))
  const ana = person('Beto')
  const outcome = node.commit(join(ana))
  await server.call('CONFIG', 'SET', 'replica-serve-stale-data', 'no')
  await until('it is said', () => log.warnings.some((line) => /^(a batch|Redis takes no batch)/.test(line)))
  await server.call('REPLICAOF', 'NO', 'ONE')
  t.strictSame(await outcome, ['ok'])
})

t.test('a server that is busy is asked again', options, async (t) => {
  const server = await startRedis(t, { args: ['--lua-time-limit', '20'] })
  const node = await use(t, server.url)
  const { log } = node
  const hog = client(t, server.url)
  const hogging = t.rejects(hog.eval('while true do end', 0), /SCRIPT KILL|killed/i)
  const busy = async () => {
    return server.call('PING').then(
      () => false,
      (error: unknown) => /^Error: BUSY/.test(String(error)),
    )
  }
  await until('it is busy', busy)
  const outcome = node.commit(join(person('Beto')))
  await until('it is said', () => log.errors.some((error) => /^BUSY|timed out/.test(error)))
  await server.call('SCRIPT', 'KILL')
  await hogging
  t.strictSame(await outcome, ['ok'])
})
