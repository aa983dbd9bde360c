import t from 'tap'
import { WebSocket } from 'ws'
import { ChatError, Client } from '../../src/client/index.js'
import { TcpProxy } from '../support/tcp-proxy.js'
import { until } from '../support/until.js'
import { FakeServer } from './fake-server.js'
import { Person } from './people.js'

t.test('is online with everyone present, their status, and what was said before', async (t) => {
  const { url } = await FakeServer.start(t)
  const ana = await Person.enter(t, url, 'Ana')
  for (const text of ['a', 'b', 'c']) await ana.client.send(text)
  await ana.client.setStatus('OCUPADO')

  const beto = new Person(url, 'Beto', { history: 2 })
  t.teardown(() => beto.client.close())
  t.equal(beto.client.guarantees, undefined)
  const welcome = await beto.client.connect()
  t.match(welcome, {
    resumed: false,
    users: [
      { name: 'Ana', status: 'OCUPADO' },
      { name: 'Beto', status: 'ACTIVO' },
    ],
    history: [{ content: 'b' }, { content: 'c', sender: 'Ana' }],
  })
  t.same(beto.states, ['connecting', 'online'])
  t.same(beto.heard.online, [welcome])
  t.equal(await beto.client.connect(), welcome, 'asked again')
  t.same(beto.client.guarantees, {
    exactlyOnce: true,
    privateReceipts: true,
    joins: true,
    history: true,
    credentials: true,
  })
})

t.test('registers with what it was given', async (t) => {
  const server = await FakeServer.start(t)
  await Person.enter(t, server.url, 'Ana', { password: 'correct horse', history: 5 })
  let tokens = 0
  const token = () => `token ${++tokens}`
  const beto = await Person.enter(t, server.url, 'Beto', { token })
  server.terminateAll()
  await until('both are back', () => server.connections === 2 && beto.heard.online.length === 2)
  const registers = server.arrived.filter(({ type }) => type === 'register')
  t.same(registers[0], {
    type: 'register',
    sender: 'Ana',
    content: { password: 'correct horse', history: 5 },
  })
  t.same(registers[1], { type: 'register', sender: 'Beto', content: { token: 'token 1' } })
  t.match(
    registers.slice(2).find(({ sender }) => sender === 'Beto'),
    { content: { token: 'token 2', resume: { session: /secret/, position: /e1-/, seq: 0 } } },
  )
})

t.test('a name is sent in NFC, as others see it', async (t) => {
  const { url } = await FakeServer.start(t)
  const jose = await Person.enter(t, url, 'Jose\u0301')
  t.equal(jose.client.name, 'Jos\u00e9')
  t.same(await jose.client.listUsers(), ['Jos\u00e9'])
})

t.test('a name that is in use is refused at once', async (t) => {
  const server = await FakeServer.start(t)
  await Person.enter(t, server.url, 'Ana')
  const other = new Person(server.url, 'Ana')
  await t.rejects(other.client.connect(), {
    code: 'NAME_TAKEN',
    message: 'El usuario ya existe',
    retry: false,
  })
  t.same(other.states, ['connecting', 'closed'])
  t.match(other.heard.state.at(-1), { state: 'closed', error: { code: 'NAME_TAKEN' } })
  await t.rejects(other.client.send('a'), { code: 'CLOSED' })
  await until('its connection is closed', () => server.connections === 1)
})

t.test('goes on trying while a server is full, and is let in then', async (t) => {
  const server = await FakeServer.start(t)
  server.full = true
  const ana = new Person(server.url, 'Ana')
  t.teardown(() => ana.client.close())
  const online = ana.client.connect()
  await until('three upgrades', () => server.upgrades >= 3)
  server.full = false
  await online
  t.match(ana.states.join(' '), /^(connecting waiting ){3,}connecting online$/)
})

t.test('gives up connecting after its time, with what went wrong', async (t) => {
  const server = await FakeServer.start(t)
  server.full = true
  const ana = new Person(server.url, 'Ana', { connectTimeoutMs: 100 })
  await t.rejects(ana.client.connect(), { code: 'DISCONNECTED', closeCode: 1006 })
  t.equal(ana.client.state, 'closed')
})

t.test('a server that never answers is given up, too', async (t) => {
  const server = await FakeServer.start(t)
  server.fault = () => 'ignored'
  const ana = new Person(server.url, 'Ana', { connectTimeoutMs: 200, attemptTimeoutMs: 50 })
  await t.rejects(ana.client.connect(), { code: 'TIMEOUT' })
  t.ok(server.upgrades >= 2, 'it was tried anew')
  await until('no connection is left', () => server.connections === 0)
})

t.test('so is a network where nothing passes', async (t) => {
  const server = await FakeServer.start(t)
  const proxy = await TcpProxy.to(server.port)
  t.teardown(() => proxy.close())
  await proxy.blackhole()
  const ana = new Person(`ws://127.0.0.1:${proxy.port}/chat`, 'Ana', {
    connectTimeoutMs: 200,
    attemptTimeoutMs: 50,
  })
  await t.rejects(ana.client.connect(), { code: 'TIMEOUT' })
})

t.test('an address that is none is refused at once', async (t) => {
  const ana = new Person('chat', 'Ana')
  await t.rejects(ana.client.connect(), { code: 'DISCONNECTED', message: /Invalid URL/ })
  t.equal(ana.client.state, 'closed')
})

t.test('asked again while it waits, it tries at once', async (t) => {
  const server = await FakeServer.start(t)
  server.full = true
  const ana = new Person(server.url, 'Ana', { backoffBaseMs: 9000, backoffCapMs: 9000 })
  t.teardown(() => ana.client.close())
  const online = ana.client.connect()
  await until('it waits', () => ana.client.state === 'waiting')
  server.full = false
  t.equal((await ana.client.connect()).users.length, 1)
  t.equal((await online).users.length, 1)
})

t.test('an operator who bans a name has the last word', async (t) => {
  const server = await FakeServer.start(t)
  const ana = await Person.enter(t, server.url, 'Ana')
  server.closeAll(4004, 'Acceso prohibido')
  await until('it is closed', () => ana.client.state === 'closed')
  t.match(ana.heard.state.at(-1), { error: { code: 'DISCONNECTED', closeCode: 4004, message: /Acceso/ } })
})

t.test('after its end it can be connected anew', async (t) => {
  const { url } = await FakeServer.start(t)
  const ana = await Person.enter(t, url, 'Ana')
  await ana.client.close()
  t.equal(ana.client.guarantees, undefined)
  await ana.client.connect()
  await ana.client.send('a')
  t.same(ana.said, ['a'])
  t.same(ana.heard.lost, [])

  await ana.client.close()
  await Person.enter(t, url, 'Ana')
  await t.rejects(ana.client.connect(), { code: 'NAME_TAKEN' })
  t.notOk(ana.states.includes('waiting'), 'this is nobody that it left behind')
})

t.test('without a WebSocket class there is no client', (t) => {
  t.intercept(globalThis, 'WebSocket', { value: undefined })
  t.throws(() => new Client('ws://127.0.0.1/chat', { name: 'Ana' }), TypeError)
  t.intercept(globalThis, 'WebSocket', { value: WebSocket })
  t.equal(new Client('ws://127.0.0.1/chat', { name: 'Ana' }).state, 'closed')
  t.ok(new ChatError('TIMEOUT', '') instanceof Error)
  t.end()
})
