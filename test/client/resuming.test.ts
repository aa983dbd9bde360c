import t from 'tap'
import { until } from '../support/until.js'
import { FakeServer } from './fake-server.js'
import { Person } from './people.js'

/** Ana, whose connections break when the test says so, and Beto. */
async function enter(t: Parameters<typeof FakeServer.start>[0], options = {}) {
  const server = await FakeServer.start(t)
  const ana = await Person.enter(t, server.url, 'Ana', options)
  const beto = await Person.enter(t, server.url, 'Beto')
  const isBack = (times = 2) => until('Ana is back', () => ana.heard.online.length === times)
  return { server, ana, beto, isBack }
}

t.test('after a resume comes what was missed, once, and nothing else was noticed', async (t) => {
  const { server, ana, beto, isBack } = await enter(t)
  await beto.client.send('a')
  server.full = true
  server.terminateAll()
  await until('both are away', () => ana.client.state === 'waiting' && beto.client.state === 'waiting')
  server.full = false
  await beto.client.connect()
  await beto.client.send('b')
  t.match(await beto.client.sendTo('Ana', 'c'), { confirmed: true })
  await isBack()
  await beto.client.send('d')
  await until('Ana has all', () => ana.said.length === 3)
  t.same(ana.said, ['a', 'b', 'd'])
  t.same(ana.whispered, ['c'])
  t.match(ana.heard.online[1], { resumed: true, history: [], users: [{ name: 'Ana' }, { name: 'Beto' }] })
  t.same(ana.heard.lost, [])
})

t.test('repeats are dropped', async (t) => {
  const { server, ana, beto, isBack } = await enter(t)
  server.repeats = 10
  for (const text of ['a', 'b']) await beto.client.send(text)
  for (const text of ['c', 'd']) await beto.client.sendTo('Ana', text)
  await until('Ana has all', () => ana.whispered.length === 2)
  server.terminateAll()
  await isBack()
  await ana.client.send('e')
  t.same(ana.said, ['a', 'b', 'e'])
  t.same(ana.whispered, ['c', 'd'])
})

t.test(
  'what was not acknowledged is sent again with its refs, in its order, before what is new',
  async (t) => {
    const { server, ana, isBack } = await enter(t)
    server.fault = ({ content }) => (content === 'a' || content === 'b' ? 'ignored' : 'none')
    const sent = [ana.client.send('a'), ana.client.sendTo('Beto', 'b')]
    await until('they have arrived', () => server.arrived.length === 4)
    server.fault = () => 'none'
    server.full = true
    server.terminateAll()
    await until('Ana is away', () => ana.client.state === 'waiting')
    sent.push(ana.client.send('c'))
    server.full = false
    await Promise.all(sent)
    await isBack()
    const again = server.arrived
      .slice(4)
      .filter(({ type, sender }) => sender === 'Ana' && type !== 'register')
    t.match(again, [
      { content: 'a', ref: '1' },
      { content: 'b', ref: '2' },
      { content: 'c', ref: '3' },
    ])
  },
)

t.test('a lost session says what is undecided, and sends it no more; what was never sent is', async (t) => {
  const { server, ana, beto, isBack } = await enter(t)
  server.fault = ({ type }) => (type === 'register' ? 'none' : 'ignored')
  const sent = ana.client.send('a')
  const asked = ana.client.listUsers()
  await until('they have arrived', () => server.arrived.length === 4)
  server.fault = () => 'none'
  server.full = true
  server.terminateAll()
  await until('both are away', () => server.connections === 0)
  const later = ana.client.send('b')
  server.forget()
  server.full = false
  await t.rejects(sent, { code: 'UNDECIDED' })
  t.match(await later, { position: /e1-/ })
  t.same(await asked, await ana.client.listUsers())
  await isBack()
  t.same(ana.heard.lost, [{ reason: 'session', undecided: [{ type: 'broadcast', content: 'a' }] }])
  t.match(ana.heard.online[1], { resumed: false })
  t.same(
    server.done.map(({ content }) => content),
    ['b'],
  )
  await until('Beto is back', () => beto.heard.online.length === 2)
})

t.test('after a lost session the history holds only what was not seen', async (t) => {
  const { server, ana, beto, isBack } = await enter(t, { history: 10 })
  await beto.client.send('a')
  server.full = true
  server.terminateAll()
  await until('both are away', () => ana.client.state === 'waiting' && beto.client.state === 'waiting')
  server.forget()
  server.full = false
  await beto.client.connect()
  await beto.client.send('b')
  await isBack()
  const history = ana.heard.online[1]?.history ?? []
  t.same([...ana.said, ...history.map(({ content }) => content)], ['a', 'b'])
})

t.test('a missing private message is fetched', async (t) => {
  const { server, ana, beto, isBack } = await enter(t)
  server.holes.add(2)
  for (const text of ['a', 'b', 'c', 'd']) await beto.client.sendTo('Ana', text)
  await isBack()
  await until('Ana has all', () => ana.whispered.length === 4)
  t.same(ana.whispered, ['a', 'b', 'c', 'd'])
  t.same(ana.heard.lost, [])
})

t.test('one that is gone for good is told', async (t) => {
  const { server, ana, beto } = await enter(t)
  server.holes.add(1)
  await beto.client.sendTo('Ana', 'a')
  server.emptyInbox('Ana')
  await beto.client.sendTo('Ana', 'b')
  await until('Ana has all', () => ana.whispered.length === 1)
  t.same(ana.whispered, ['b'])
  t.same(ana.heard.lost, [{ reason: 'inbox', undecided: [] }])
  await beto.client.sendTo('Ana', 'c')
  await until('it goes on', () => ana.whispered.length === 2)
  t.equal(ana.heard.lost.length, 1)
})

t.test('a log that begins anew is no loss, nor is it after a resume', async (t) => {
  const { server, ana, isBack } = await enter(t)
  await ana.client.send('a')
  server.beginEpoch('e2')
  await ana.client.send('b')
  await ana.client.send('c')
  server.beginEpoch('e3')
  server.terminateAll()
  await isBack()
  await ana.client.send('d')
  t.same(ana.said, ['a', 'b', 'c', 'd'])
  t.match(ana.heard.online[1], { resumed: true })
  t.same(ana.heard.lost, [])
})

for (const code of [1000, 1006, 1012, 4006]) {
  t.test(`comes back after ${code}`, async (t) => {
    const { server, ana, isBack } = await enter(t)
    if (code === 1006) server.terminateAll()
    else server.closeAll(code)
    await isBack()
    t.match(ana.heard.state.slice(2), [
      { state: 'waiting', retryInMs: Number, error: { code: 'DISCONNECTED', closeCode: code } },
      { state: 'connecting' },
      { state: 'online' },
    ])
    t.same(ana.heard.lost, [])
  })
}

for (const code of [1007, 1009, 4001, 4003, 4005]) {
  t.test(`does not come back by itself after ${code}`, async (t) => {
    const { server, ana } = await enter(t)
    server.fault = () => 'ignored'
    const sent = ana.client.send('a')
    const asked = ana.client.listUsers()
    await until('they have arrived', () => server.arrived.length === 4)
    const { upgrades } = server
    server.closeAll(code, 'why')
    await t.rejects(sent, { code: 'UNDECIDED' })
    await t.rejects(asked, { code: 'CLOSED' })
    t.equal(ana.client.state, 'closed')
    t.match(ana.heard.state.at(-1), { state: 'closed', error: { closeCode: code } })
    t.equal(server.upgrades, upgrades)
  })
}

t.test('comes back later after 1013', async (t) => {
  const { server, ana, isBack } = await enter(t, { backoffBaseMs: 1, backoffCapMs: 1000, random: () => 0 })
  server.closeAll(1013)
  await isBack()
  t.match(ana.heard.state[2], { state: 'waiting', retryInMs: 8 })
})

t.test('a session that was taken over on the way in goes on', async (t) => {
  // The old connection still hangs at the server when the client comes back.
  const { server, ana, isBack } = await enter(t)
  let once = true
  server.fault = ({ type }) => {
    if (type !== 'broadcast' || !once) return 'none'
    once = false
    return 'unanswered'
  }
  await ana.client.send('a')
  await isBack()
  t.same(ana.said, ['a'])
  t.equal(server.done.length, 1)
})
