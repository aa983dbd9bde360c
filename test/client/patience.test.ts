import t from 'tap'
import type { ClientOptions } from '../../src/client/index.js'
import { ManualClock } from './manual-clock.js'
import { socketsTo } from './memory-socket.js'
import { type Kind, ModelServer } from './model-server.js'
import { Person } from './people.js'

const MS = 1000

/** Ana, on a server in this process, and a clock that stands still. */
async function enter(options: Partial<ClientOptions> = {}, kind: Kind = 'extended') {
  const server = new ModelServer()
  server.kind = kind
  const clock = new ManualClock()
  const defaults = {
    WebSocket: socketsTo(server),
    clock,
    backoffBaseMs: 200,
    backoffCapMs: 15_000,
    random: () => 0,
  }
  const ana = new Person('ws://memory', 'Ana', { ...defaults, ...options })
  const online = ana.client.connect()
  await clock.advance(0)
  await online
  return { server, clock, ana }
}

const probes = ({ arrived }: ModelServer) => arrived.filter(({ type }) => type === 'user_info').length

t.test('while nothing is owed, nothing is sent and no timer runs', async (t) => {
  const { server, clock, ana } = await enter()
  await clock.advance(3600 * MS)
  t.equal(server.arrived.length, 1)
  t.equal(clock.timers, 0)
  const sent = ana.client.send('a')
  await clock.advance(10 * MS)
  await sent
  t.equal(clock.timers, 0)
})

t.test('a server that owes an answer and is silent is asked, and left when it stays silent', async (t) => {
  const { server, clock, ana } = await enter()
  server.fault = ({ type }) => (type === 'register' ? 'none' : 'ignored')
  const sent = ana.client.send('a')
  await clock.advance(4 * MS)
  t.equal(probes(server), 0)
  await clock.advance(4 * MS)
  t.equal(probes(server), 1)
  t.same(server.arrived.at(-1), { type: 'user_info', sender: 'Ana', target: 'Ana' })
  t.equal(ana.heard.online.length, 1)
  server.fault = () => 'none'
  await clock.advance(8 * MS)
  t.equal(ana.heard.online.length, 2)
  await sent
  t.same(ana.said, ['a'])
})

t.test('a sign of life is enough on a base session: it may never answer', async (t) => {
  const { server, clock, ana } = await enter({}, 'ignores')
  server.fault = ({ type }) => (type === 'broadcast' ? 'ignored' : 'none')
  const sent = ana.client.send('a')
  const failed = t.rejects(sent, { code: 'UNDECIDED' })
  await clock.advance(59 * MS)
  t.ok(probes(server) > 2)
  t.equal(ana.heard.online.length, 1)
  await clock.advance(2 * MS)
  await failed
  await clock.advance(60 * MS)
  t.equal(clock.timers, 0)
})

t.test('so is whatever else comes: it need not be asked', async (t) => {
  const { server, clock, ana } = await enter({ sendTimeoutMs: 30 * MS }, 'ignores')
  server.fault = ({ type }) => (type === 'broadcast' ? 'ignored' : 'none')
  const failed = t.rejects(ana.client.send('a'), { code: 'UNDECIDED' })
  for (let second = 0; second < 31; second += 1) {
    server.sendRaw('{"type":"broadcast","sender":"Beto","content":"b","timestamp":""}')
    await clock.advance(MS)
  }
  await failed
  t.equal(probes(server), 0)
})

t.test(
  'an extended session that is owed an answer for long is taken up anew, whatever else comes',
  async (t) => {
    const { server, clock, ana } = await enter()
    server.fault = ({ type }) => (type === 'broadcast' ? 'ignored' : 'none')
    const sent = ana.client.send('a')
    await clock.advance(14 * MS)
    t.equal(ana.heard.online.length, 1)
    server.fault = () => 'none'
    await clock.advance(3 * MS)
    t.equal(ana.heard.online.length, 2)
    await sent
    t.same(ana.said, ['a'])
  },
)

t.test('with a heartbeat a dead connection is noticed though nothing is owed', async (t) => {
  const { server, clock, ana } = await enter({ heartbeatMs: 20 * MS })
  await clock.advance(50 * MS)
  t.equal(probes(server), 2)
  t.equal(ana.heard.online.length, 1)
  server.fault = ({ type }) => (type === 'register' ? 'none' : 'ignored')
  await clock.advance(30 * MS)
  t.equal(ana.heard.online.length, 2)
})

t.test(
  'pauses grow while it is of no use, up to the cap, and are short again after a good connection',
  async (t) => {
    const { server, clock, ana } = await enter()
    server.fault = () => 'before'
    server.terminateAll()
    await clock.advance(60 * MS)
    const pauses = ana.heard.state.flatMap(({ retryInMs = [] }) => retryInMs)
    t.same(pauses.slice(0, 9), [100, 200, 400, 800, 1600, 3200, 6400, 7500, 7500])
    server.fault = () => 'none'
    await clock.advance(10 * MS)
    t.equal(ana.client.state, 'online')
    server.terminateAll()
    await clock.advance(1)
    t.equal(ana.heard.state.at(-1)?.retryInMs, 7500, 'this one did not last')
    await clock.advance(20 * MS)
    server.terminateAll()
    await clock.advance(1)
    t.equal(ana.heard.state.at(-1)?.retryInMs, 100)
  },
)

t.test('a name in use may be our own session for two minutes each time, and no longer', async (t) => {
  const { server, clock, ana } = await enter()
  const lose = async () => {
    server.fault = () => 'before'
    server.terminateAll()
    await clock.advance(1)
    server.forget()
    server.take('Ana')
    server.fault = () => 'none'
    await clock.advance(110 * MS)
    t.equal(ana.client.state, 'waiting')
    t.match(ana.heard.state.at(-1)?.error, { code: 'NAME_TAKEN' })
  }
  await lose()
  server.release('Ana')
  await clock.advance(10 * MS)
  t.equal(ana.client.state, 'online')
  await lose()
  await clock.advance(20 * MS)
  t.equal(ana.client.state, 'closed')
  t.match(ana.heard.state.at(-1), { error: { code: 'NAME_TAKEN' } })
  t.equal(clock.timers, 0)
})

t.test('so may a name whose registration was not answered', async (t) => {
  const server = new ModelServer()
  const clock = new ManualClock()
  const ana = new Person('ws://memory', 'Ana', { WebSocket: socketsTo(server), clock, random: () => 0 })
  server.fault = () => 'unanswered'
  const online = ana.client.connect()
  await clock.advance(1)
  server.fault = () => 'none'
  await clock.advance(MS)
  t.match(
    ana.heard.state.find(({ state, error }) => state === 'waiting' && error?.code === 'NAME_TAKEN'),
    {},
  )
  server.release('Ana')
  await clock.advance(MS)
  t.match(await online, { resumed: false })
})

t.test('a refusal that may pass is waited out', async (t) => {
  const { server, clock, ana } = await enter()
  server.fault = () => 'ignored'
  server.terminateAll()
  await clock.advance(150)
  server.sendRaw('{"type":"error","sender":"server","content":"no","code":"UNAVAILABLE","retry":true}')
  await clock.advance(1)
  t.match(ana.heard.state.at(-1), { state: 'waiting', error: { code: 'UNAVAILABLE' } })
  server.fault = () => 'none'
  await clock.advance(MS)
  t.equal(ana.client.state, 'online')
})
