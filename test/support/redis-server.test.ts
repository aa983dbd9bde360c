import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { call } from './redis/call.js'
import { selfSigned } from './redis/certificate.js'
import { needsRedis } from './redis/find.js'
import { Sentinel } from './redis/sentinel.js'
import { type RedisOptions, RedisServer } from './redis/server.js'
import { until } from './until.js'

const options = await needsRedis(t)

async function start(t: Test, options?: RedisOptions): Promise<RedisServer> {
  const server = await RedisServer.start(options)
  t.teardown(() => server.close())
  return server
}

async function sentinelOf(t: Test, master: RedisServer): Promise<Sentinel> {
  const sentinel = await Sentinel.start({ master, quorum: 2 })
  t.teardown(() => sentinel.close())
  return sentinel
}

t.test('answers as soon as it has started, and on loopback only', options, async (t) => {
  const server = await start(t)
  const socket = connect(server.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.write('PING\r\n')
  const [answer] = await once(socket, 'data')
  t.equal(String(answer), '+PONG\r\n')
  t.equal(server.url, `redis://127.0.0.1:${server.port}`)
  t.same(await server.call('CONFIG', 'GET', 'bind'), ['bind', '127.0.0.1'])
  t.same(await server.call('CONFIG', 'GET', 'save'), ['save', ''])
  t.same(await server.call('EVAL', 'return {1, {"ñ", false}}', '0'), [1, ['ñ', null]])
  await t.rejects(server.call('NONSENSE'), /unknown command/)
})

t.test('runs beside others', options, async (t) => {
  const servers = await Promise.all([start(t), start(t), start(t)])
  await Promise.all(servers.map((server) => server.call('SET', 'port', String(server.port))))
  for (const server of servers) t.equal(await server.call('GET', 'port'), String(server.port))
})

t.test('keeps its data when it is killed and restarted, and loses it on demand', options, async (t) => {
  const server = await start(t, { appendonly: true, appendfsync: 'always' })
  await server.call('SET', 'key', 'value')
  await server.kill()
  await server.kill()
  await t.rejects(server.call('PING'), { code: 'ECONNREFUSED' })
  const { port, pid } = server
  await server.restart()
  t.equal(server.port, port)
  t.not(server.pid, pid)
  t.equal(await server.call('GET', 'key'), 'value')
  await server.stop()
  t.match(server.output, 'bye bye')
  await server.restart()
  t.equal(await server.call('GET', 'key'), 'value')
  await server.restartEmpty()
  t.equal(await server.call('GET', 'key'), null)
})

t.test('loses its data without a file', options, async (t) => {
  const server = await start(t, { args: ['--maxmemory', '5mb'] })
  t.same(await server.call('CONFIG', 'GET', 'maxmemory'), ['maxmemory', '5242880'])
  await server.call('SET', 'key', 'value')
  await server.restart()
  t.equal(await server.call('GET', 'key'), null)
})

t.test('does nothing while it is paused', options, async (t) => {
  const server = await start(t)
  await server.pause()
  await t.rejects(call(server, ['PING'], 200), /no answer within 200 ms/)
  await server.resume()
  t.equal(await server.call('PING'), 'PONG')
  await server.pause()
  await server.stop()
  await server.restart()
  await server.pause()
  await server.kill()
})

t.test('wants its password', options, async (t) => {
  const server = await start(t, { password: 'p@ss "\\ word' })
  await t.rejects(call({ port: server.port }, ['PING']), /NOAUTH/)
  const client = new Redis(server.url, {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  })
  t.equal(await client.ping(), 'PONG')
  client.disconnect()
})

t.test('answers by TLS', options, async (t) => {
  const tls = await selfSigned(t.testdir())
  const server = await start(t, { tls })
  t.equal(server.url, `rediss://127.0.0.1:${server.port}`)
  t.equal(await server.call('PING'), 'PONG')
  await t.rejects(call({ port: server.port, ca: '' }, ['PING']), /self-signed/)
  await server.restart()
  t.equal(await server.call('PING'), 'PONG')
  await t.rejects(RedisServer.replicaOf(server), /TLS/)
})

t.test('says what was wrong when it does not start', options, async (t) => {
  await t.rejects(RedisServer.start({ args: ['--nonsense', 'yes'] }), /nonsense/)
})

t.test('has a replica that follows, and sentinels that put it in charge', options, async (t) => {
  const master = await start(t, { password: 'secret' })
  await master.call('SET', 'before', '1')
  const replica = await RedisServer.replicaOf(master)
  t.teardown(() => replica.close())
  t.equal(await replica.call('GET', 'before'), '1')
  await master.call('SET', 'after', '2')
  t.equal(await master.call('WAIT', '1', '5000'), 1)
  t.equal(await replica.call('GET', 'after'), '2')

  const sentinels = await Promise.all([sentinelOf(t, master), sentinelOf(t, master), sentinelOf(t, master)])
  for (const sentinel of sentinels) t.equal(await sentinel.masterPort(), master.port)
  await Promise.all(sentinels.map((sentinel) => sentinel.knows({ replicas: 1, otherSentinels: 2 })))
  await master.kill()
  const moved = async () => (await sentinels[0]?.masterPort()) === replica.port
  await until('the replica is the master', moved, 30_000)
  t.equal(await replica.info('replication', 'role'), 'master')
})

t.test('removes everything when it is closed', options, async (t) => {
  const server = await start(t)
  const [, directory] = [await server.call('CONFIG', 'GET', 'dir')].flat()
  await server.close()
  await server.close()
  t.notOk(existsSync(String(directory)))
  t.throws(() => process.kill(server.pid, 0), { code: 'ESRCH' })
  await t.rejects(server.restart(), /closed/)
})

t.test('ends with the process that started it, even if that is killed', options, async (t) => {
  const program = `
    const { RedisServer } = await import('./test/support/redis/server.ts')
    const server = await RedisServer.start()
    await server.pause()
    console.log(JSON.stringify(server))
  `
  const child = spawn(process.execPath, [...process.execArgv, '--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const lines: string[] = []
  createInterface(child.stdout).on('line', (line) => lines.push(line))
  await until('the server', () => lines.length > 0, 30_000)
  const { port } = JSON.parse(lines.join())
  const reached = () =>
    call({ port }, ['PING'], 100).then(
      () => '',
      (error) => String(error),
    )
  t.match(await reached(), 'no answer', 'it is paused')
  child.kill('SIGKILL')
  await until('the end of the server', async () => (await reached()).includes('ECONNREFUSED'))
})
