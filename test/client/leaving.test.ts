import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import t from 'tap'
import { ROOT } from '../docs/markdown.js'
import { TcpProxy } from '../support/tcp-proxy.js'
import { until } from '../support/until.js'
import { FakeServer } from './fake-server.js'
import { ManualClock } from './manual-clock.js'
import { socketsTo } from './memory-socket.js'
import { ModelServer } from './model-server.js'
import { Person } from './people.js'

t.test('says that it leaves, once what was sent before is answered', async (t) => {
  const server = await FakeServer.start(t)
  const ana = await Person.enter(t, server.url, 'Ana')
  const beto = await Person.enter(t, server.url, 'Beto')
  const sent = beto.client.send('a')
  const left = beto.client.close()
  await t.rejects(beto.client.send('b'), { code: 'CLOSED' })
  t.equal(beto.client.close(), left, 'asked again')
  await left
  await sent
  t.same(beto.states, ['connecting', 'online', 'closed'])
  t.notOk(beto.heard.state.at(-1)?.error)
  await until('Ana has seen it', () => ana.heard.left.length === 1)
  t.match(server.arrived.at(-1), { type: 'disconnect', sender: 'Beto', content: 'Cierre de sesión' })
  await beto.client.close()
})

t.test('while it is away it just ends', async (t) => {
  const server = await FakeServer.start(t)
  const ana = await Person.enter(t, server.url, 'Ana')
  server.full = true
  server.terminateAll()
  await until('it waits', () => ana.client.state === 'waiting')
  const sent = ana.client.send('a')
  await Promise.all([t.rejects(sent, { code: 'CLOSED' }), ana.client.close()])
  t.equal(ana.client.state, 'closed')
})

t.test('before it is online, too', async (t) => {
  const server = await FakeServer.start(t)
  const ana = new Person(server.url, 'Ana')
  const online = ana.client.connect()
  await Promise.all([t.rejects(online, { code: 'CLOSED' }), ana.client.close()])
  await until('no connection is left', () => server.connections === 0)
})

t.test('a server that does not close is not waited for; no timer is left', async (t) => {
  const server = new ModelServer()
  const clock = new ManualClock()
  const ana = new Person('ws://memory', 'Ana', { WebSocket: socketsTo(server), clock, heartbeatMs: 1000 })
  const online = ana.client.connect()
  await clock.advance(0)
  await online
  server.fault = () => 'ignored'
  const failed = t.rejects(ana.client.send('a'), { code: 'UNDECIDED' })
  const left = ana.client.close()
  await clock.advance(2999)
  t.equal(ana.client.state, 'online')
  await clock.advance(1)
  await left
  await failed
  t.equal(ana.client.state, 'closed')
  t.equal(clock.timers, 0)
  await clock.advance(100)
  t.equal(server.connections, 0)
})

const PROGRAM = (url: string) => `
  import { Client } from 'tertulia/client'
  import { WebSocket } from 'ws'
  const client = new Client(${JSON.stringify(url)}, { name: 'Ana', WebSocket })
  await client.connect()
  console.log('online')
  process.stdin.once('data', async () => {
    process.stdin.destroy()
    await client.close()
  })
`

t.test('a process ends when its client has left, also where nothing passes any more', async (t) => {
  const server = await FakeServer.start(t)
  const proxy = await TcpProxy.to(server.port)
  t.teardown(() => proxy.close())
  // Below the package, so that its name leads to it; after `npm run build`.
  const file = `${ROOT}build/leaving-${process.pid}.mjs`
  t.teardown(() => rm(file))
  await writeFile(file, PROGRAM(`ws://127.0.0.1:${proxy.port}/chat`))
  const program = spawn(process.execPath, [file], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => program.kill('SIGKILL'))
  await once(program.stdout, 'data')
  await proxy.blackhole()
  const ended = once(program, 'exit', { signal: AbortSignal.timeout(15_000) })
  program.stdin.write('leave')
  t.same(await ended, [0, null])
})
