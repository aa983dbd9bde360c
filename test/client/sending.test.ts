import t from 'tap'
import { until } from '../support/until.js'
import { FakeServer } from './fake-server.js'
import { Person } from './people.js'

t.test('receipts say where a message stands', async (t) => {
  const { url } = await FakeServer.start(t)
  const ana = await Person.enter(t, url, 'Ana')
  const receipts = await Promise.all(['a', 'b'].map((text) => ana.client.send(text)))
  t.same(
    receipts.map(({ position }) => position),
    ana.heard.message.map(({ position }) => position),
  )
  t.match(ana.heard.message, [{ sender: 'Ana', content: 'a', timestamp: /Z$/ }, { content: 'b' }])
})

t.test('a private message is delivered, or waits for one who is away', async (t) => {
  const server = await FakeServer.start(t)
  const ana = await Person.enter(t, server.url, 'Ana')
  const beto = await Person.enter(t, server.url, 'Beto')
  t.match(await ana.client.sendTo('Beto', 'a'), { confirmed: true, delivered: true, position: /e1-/ })
  t.match(beto.heard.private, [{ sender: 'Ana', target: 'Beto', content: 'a', seq: 1 }])
  t.same(ana.heard.private, [])
})

t.test('the sender is filled in, and each frame has a ref of its own', async (t) => {
  const server = await FakeServer.start(t)
  const ana = await Person.enter(t, server.url, 'Ana')
  await ana.client.send('a')
  await ana.client.sendTo('Ana', 'b')
  t.same(server.arrived.slice(1), [
    { type: 'broadcast', sender: 'Ana', content: 'a', ref: '1' },
    { type: 'private', sender: 'Ana', target: 'Ana', content: 'b', ref: '2' },
  ])
})

t.test('a refusal rejects what it answers, and nothing else', async (t) => {
  const server = await FakeServer.start(t)
  const ana = await Person.enter(t, server.url, 'Ana')
  const all = [ana.client.send('a'), ana.client.sendTo('Nadie', 'b'), ana.client.userInfo('Nadie')]
  const outcomes = await Promise.allSettled([...all, ana.client.send('c')])
  t.match(outcomes, [
    { status: 'fulfilled' },
    { status: 'rejected', reason: { name: 'ChatError', code: 'USER_NOT_FOUND', retry: false } },
    { status: 'rejected', reason: { code: 'USER_NOT_FOUND' } },
    { status: 'fulfilled' },
  ])
  t.same(ana.heard.error, [])
})

t.test('a refusal that may pass says so', async (t) => {
  const server = await FakeServer.start(t)
  const ana = await Person.enter(t, server.url, 'Ana')
  server.fault = () => 'ignored'
  const sent = ana.client.send('a')
  server.sendRaw(
    '{"type":"error","sender":"server","content":"no","ref":"1","code":"UNAVAILABLE","retry":true}',
  )
  await t.rejects(sent, { code: 'UNAVAILABLE', retry: true, message: 'no' })
})

t.test('questions are answered', async (t) => {
  const { url } = await FakeServer.start(t)
  const ana = await Person.enter(t, url, 'Ana')
  await Person.enter(t, url, 'Beto')
  t.same(await ana.client.listUsers(), ['Ana', 'Beto'])
  t.same(await ana.client.userInfo('Beto'), { name: 'Beto', ip: '127.0.0.1', status: 'ACTIVO' })
})

t.test('others are seen to join, to change, and to leave', async (t) => {
  const { url } = await FakeServer.start(t)
  const ana = await Person.enter(t, url, 'Ana')
  const beto = await Person.enter(t, url, 'Beto')
  t.match(await beto.client.setStatus('OCUPADO'), { position: /e1-/ })
  await beto.client.close()
  await until('Beto has left', () => ana.heard.left.length > 0)
  t.same(ana.heard.joined, [{ user: 'Beto', status: 'ACTIVO' }])
  t.same(ana.heard.status, [{ user: 'Beto', status: 'OCUPADO' }])
  t.same(ana.heard.left, [{ user: 'Beto' }])
})

t.test('the history is read page by page, backwards', async (t) => {
  const { url } = await FakeServer.start(t)
  const ana = await Person.enter(t, url, 'Ana')
  for (const text of ['a', 'b', 'c', 'd', 'e']) await ana.client.send(text)
  const texts: string[] = []
  let before: string | undefined
  for (;;) {
    const { messages, more } = await ana.client.history({ limit: 2, ...(before && { before }) })
    texts.unshift(...messages.map(({ content }) => content))
    before = messages[0]?.position
    if (!more) break
  }
  t.same(texts, ['a', 'b', 'c', 'd', 'e'])
  t.equal((await ana.client.history()).messages.length, 5)
})

t.test('the 65th that would wait for an answer is refused at once', async (t) => {
  const server = await FakeServer.start(t)
  const ana = await Person.enter(t, server.url, 'Ana')
  server.full = true
  server.terminateAll()
  await until('it is away', () => ana.client.state === 'waiting')
  const sent = Array.from({ length: 64 }, (_, index) => ana.client.send(String(index)))
  await t.rejects(ana.client.send('one too many'), { code: 'QUEUE_FULL', retry: true })
  server.full = false
  await Promise.all(sent)
  t.same(
    ana.said,
    Array.from({ length: 64 }, (_, index) => String(index)),
  )
  await ana.client.send('there is room again')
})

t.test('before it was connected, and after its end, nothing is taken', async (t) => {
  const server = await FakeServer.start(t)
  const ana = new Person(server.url, 'Ana')
  await t.rejects(ana.client.send('a'), { code: 'CLOSED' })
  await ana.client.connect()
  await ana.client.close()
  await t.rejects(ana.client.send('a'), { code: 'CLOSED' })
  t.same(server.done, [])
})

t.test('what is given while it connects is sent once it is online', async (t) => {
  const server = await FakeServer.start(t)
  const ana = new Person(server.url, 'Ana')
  t.teardown(() => ana.client.close())
  const online = ana.client.connect()
  const sent = ana.client.send('a')
  await online
  await sent
  t.same(ana.said, ['a'])
})

t.test(
  'what gets no answer in its time is undecided; what was never sent, or only asks, is too late',
  async (t) => {
    const server = await FakeServer.start(t)
    const ana = await Person.enter(t, server.url, 'Ana', { sendTimeoutMs: 150 })
    server.fault = () => 'ignored'
    const sent = ana.client.send('a')
    const asked = ana.client.listUsers()
    await t.rejects(sent, { code: 'UNDECIDED', retry: false })
    await t.rejects(asked, { code: 'TIMEOUT', retry: true })
    server.full = true
    server.terminateAll()
    await until('it is away', () => ana.client.state !== 'online')
    await t.rejects(ana.client.send('b'), { code: 'TIMEOUT' })
  },
)

t.test('what no promise is for becomes an event', async (t) => {
  const server = await FakeServer.start(t)
  const ana = await Person.enter(t, server.url, 'Ana')
  for (const text of [
    '{"type":"error","sender":"server","content":"de nadie","code":"INVALID_JSON"}',
    '{"type":"error","sender":"server","content":"de otro","code":"INVALID_FIELD","ref":"77"}',
    'no JSON',
    '{"type":"news"}',
    '{"type":"broadcast","sender":"Ana"}',
  ])
    server.sendRaw(text)
  await ana.client.send('a')
  t.same(
    ana.heard.error.map(({ code }) => code),
    ['INVALID_JSON', 'INVALID_FIELD', 'UNREADABLE', 'UNREADABLE', 'UNREADABLE'],
  )
})

t.test('an answer of another kind than asked for rejects', async (t) => {
  const server = await FakeServer.start(t)
  const ana = await Person.enter(t, server.url, 'Ana')
  server.fault = () => 'ignored'
  const asked = ana.client.listUsers()
  server.sendRaw('{"type":"ack","sender":"server","content":null,"timestamp":"","ref":"1"}')
  await t.rejects(asked, { code: 'UNREADABLE' })
})

t.test('handlers can be taken away, and one that throws disturbs nobody', async (t) => {
  const { url } = await FakeServer.start(t)
  const ana = await Person.enter(t, url, 'Ana')
  const thrown: (() => void)[] = []
  const heard: string[] = []
  const stop = ana.client.on('message', () => {
    throw new Error('a mistake')
  })
  ana.client.on('message', ({ content }) => {
    heard.push(content)
  })
  const { queueMicrotask } = globalThis
  globalThis.queueMicrotask = (callback) => {
    thrown.push(callback)
  }
  await ana.client.send('a')
  globalThis.queueMicrotask = queueMicrotask
  stop()
  await ana.client.send('b')
  t.same(heard, ['a', 'b'])
  // It goes to whoever looks after uncaught errors.
  const mine = thrown.filter((callback) => callback.toString().includes('throw'))
  t.equal(mine.length, 1)
  for (const callback of mine) t.throws(callback, { message: 'a mistake' })
})
