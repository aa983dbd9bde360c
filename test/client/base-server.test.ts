import t from 'tap'
import { PlainServer, startPlainServer } from '../conformance/fixtures/plain-server.js'
import { until } from '../support/until.js'
import { FakeServer } from './fake-server.js'
import { Person } from './people.js'

for (const kind of ['ignores', 'refuses'] as const) {
  t.test(`a server that ${kind} extensions`, async (t) => {
    const server = await FakeServer.start(t)
    server.kind = kind
    const ana = await Person.enter(t, server.url, 'Ana', { history: 5, password: 'correct horse' })
    const beto = await Person.enter(t, server.url, 'Beto')

    t.same(
      ana.client.guarantees,
      { exactlyOnce: false, privateReceipts: false, joins: false, history: false, credentials: false },
      'it says what falls away',
    )
    t.match(beto.heard.online, [
      {
        resumed: false,
        users: [
          { name: 'Ana', status: undefined },
          { name: 'Beto', status: undefined },
        ],
        history: [],
      },
    ])
    const contents = server.arrived.filter(({ type }) => type === 'register').map(({ content }) => content)
    const asked = [{ history: 5, password: 'correct horse' }, {}]
    t.same(contents, kind === 'ignores' ? asked : asked.flatMap((content) => [content, null]))

    t.test('a broadcast is answered by its echo', async (t) => {
      t.same(await Promise.all(['a', 'a', 'b'].map((text) => ana.client.send(text))), [
        { position: undefined },
        { position: undefined },
        { position: undefined },
      ])
      t.same(ana.said, ['a', 'a', 'b'])
    })

    t.test('a private message as soon as it is sent', async (t) => {
      t.same(await ana.client.sendTo('Beto', 'c'), { confirmed: false })
      await until('it comes', () => beto.whispered.length === 1)
    })

    t.test('questions and changes by what comes', async (t) => {
      t.same(await ana.client.listUsers(), ['Ana', 'Beto'])
      const [info, other, list] = await Promise.all([
        ana.client.userInfo('Beto'),
        ana.client.userInfo('Ana'),
        ana.client.listUsers(),
      ])
      t.match([info, other], [{ name: 'Beto', ip: '127.0.0.1' }, { name: 'Ana' }])
      t.same(list, ['Ana', 'Beto'])
      t.same(await ana.client.setStatus('OCUPADO'), { position: undefined })
    })

    t.test('a refusal answers what waits, if nothing else can be meant', async (t) => {
      await t.rejects(ana.client.userInfo('Nadie'), { code: 'REFUSED', message: 'Usuario no encontrado' })
      t.same(ana.heard.error, [])
      await ana.client.sendTo('Nadie', 'd')
      await until('it is told', () => ana.heard.error.length === 1)
      t.match(ana.heard.error, [{ code: 'REFUSED' }])
      await ana.client.send('e')
      await t.rejects(ana.client.userInfo('Nadie'), { code: 'REFUSED' }, 'the doubt has passed')
    })

    t.test('there is no history', async (t) => {
      await t.rejects(ana.client.history(), { code: 'UNSUPPORTED' })
    })

    t.test('frames have what the source document shows, and no more', (t) => {
      for (const frame of server.arrived) {
        t.strictSame(
          Object.keys(frame).filter(
            (key) => !['type', 'sender', 'target', 'content', 'timestamp'].includes(key),
          ),
          [],
        )
      }
      t.match(
        server.arrived.find(({ type }) => type === 'broadcast'),
        { content: 'a', timestamp: /Z$/ },
      )
      t.end()
    })

    t.test('a lost connection is a lost session', async (t) => {
      server.fault = ({ type }) => (type === 'broadcast' ? 'unanswered' : 'none')
      await t.rejects(ana.client.send('f'), { code: 'UNDECIDED' })
      server.fault = () => 'none'
      t.match(ana.heard.lost, [{ reason: 'session', undecided: [{ content: 'f' }] }])
      await ana.client.send('g')
      t.match(ana.said.at(-1), 'g')
    })

    t.test('it leaves in good order', async (t) => {
      await ana.client.close()
      t.match(server.arrived.at(-1), { type: 'disconnect' })
    })
  })
}

t.test('a name that is in use is refused', async (t) => {
  const server = await FakeServer.start(t)
  server.kind = 'refuses'
  await Person.enter(t, server.url, 'Ana')
  const other = new Person(server.url, 'Ana')
  await t.rejects(other.client.connect(), { code: 'REFUSED', message: 'El usuario ya existe' })
})

t.test('a refusal that may be meant for several answers none of them', async (t) => {
  const server = await FakeServer.start(t)
  server.kind = 'ignores'
  const ana = await Person.enter(t, server.url, 'Ana', { sendTimeoutMs: 300 })
  await Promise.all([ana.client.sendTo('Nadie', 'a'), ana.client.userInfo('Ana')])
  t.equal(ana.heard.error.length, 1, 'for the private message, and not for the question behind it')

  server.fault = ({ type }) => (type === 'broadcast' ? 'ignored' : 'none')
  const outcomes = await Promise.allSettled([ana.client.send('b'), ana.client.userInfo('Nadie')])
  t.match(outcomes, [{ reason: { code: 'UNDECIDED' } }, { reason: { code: 'TIMEOUT' } }])
  t.equal(ana.heard.error.length, 2)
})

t.test('frames that only this server has do not answer anything', async (t) => {
  const server = await FakeServer.start(t)
  server.kind = 'ignores'
  const ana = await Person.enter(t, server.url, 'Ana')
  server.fault = () => 'ignored'
  const sent = ana.client.send('a')
  server.sendRaw('{"type":"user_joined","sender":"server","content":"Beto"}')
  await until('it is told', () => ana.heard.error.length === 1)
  t.match(ana.heard.error, [{ code: 'UNREADABLE' }])
  server.sendRaw('{"type":"broadcast","sender":"Ana","content":"a","timestamp":""}')
  await sent
})

t.test('a server made from the source document alone, which does not echo', async (t) => {
  const ana = await Person.enter(t, await startPlainServer(t), 'Ana', { sendTimeoutMs: 200 })
  t.same(await ana.client.listUsers(), [])
  await t.rejects(ana.client.send('a'), { code: 'UNDECIDED' })
})

t.test('a server that has come to know extensions gives them at the next connection', async (t) => {
  const server = await FakeServer.start(t)
  server.kind = 'refuses'
  const ana = await Person.enter(t, server.url, 'Ana')
  server.kind = 'extended'
  server.terminateAll()
  await until('it is back', () => ana.heard.online.length === 2)
  t.equal(ana.client.guarantees?.exactlyOnce, true)
  t.match(ana.heard.lost, [{ reason: 'session' }])

  server.kind = 'ignores'
  server.full = true
  server.terminateAll()
  await until('it is away', () => server.connections === 0)
  server.forget()
  server.full = false
  await until('it is back', () => ana.heard.online.length === 3)
  t.equal(ana.client.guarantees?.exactlyOnce, false, 'and the other way')
  await ana.client.send('a')
})

t.test('a server that starts anew has the name in use no longer than it lasts', async (t) => {
  const server = new PlainServer()
  const url = await server.listen()
  const ana = await Person.enter(t, url, 'Ana')
  server.stop()
  await until('it is away', () => ana.client.state !== 'online')
  await server.listen(Number(new URL(url).port))
  t.teardown(() => server.stop())
  await until('it is back', () => ana.heard.online.length === 2)
})
