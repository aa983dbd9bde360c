import { randomUUID } from 'node:crypto'
import t from 'tap'
import { Session } from '../../src/chat/session.js'
import type { Decoded } from '../../src/protocol/codec.js'
import { Client } from '../conformance/client.js'
import { startApp } from '../support/app.js'
import { TestConnection } from '../support/connection.js'
import { until } from '../support/until.js'

const frame: Decoded = { kind: 'frame', frame: { type: 'list_users', sender: 'Ana' }, ref: undefined }

t.test('a connection with more than 64 frames waiting for their commit is not read further', async (t) => {
  const connection = new TestConnection()
  const session = new Session({ id: 's', connection, perform, outboxMaxBytes: 1000, now: 0 })
  function perform(): boolean {
    session.begin()
    return true
  }
  for (let count = 0; count < 64; count += 1) session.receive(() => frame, 100, 0)
  t.ok(connection.reading)
  session.receive(() => frame, 100, 0)
  t.notOk(connection.reading)
  session.settle()
  t.ok(connection.reading, 'and is read again when they are fewer')
})

t.test('frames that come after the end are not heard', async (t) => {
  const perform = () => t.fail('it is over')
  const session = new Session({
    id: 's',
    connection: new TestConnection(),
    perform,
    outboxMaxBytes: 1000,
    now: 0,
  })
  session.state = 'closed'
  session.receive(() => frame, 100, 0)
})

t.test('frames that wait for others count too, and none is lost', async (t) => {
  const connection = new TestConnection()
  const performed: number[] = []
  let open = false
  const session = new Session({
    id: 's',
    connection,
    outboxMaxBytes: 1000,
    now: 0,
    perform: (_session, decoded) => {
      if (open && decoded.kind === 'refused') performed.push(Number(decoded.refusal.detail))
      return open
    },
  })
  const numbers = Array.from({ length: 100 }, (_, index) => index)
  for (const number of numbers) {
    session.receive(
      () => ({ kind: 'refused', refusal: { code: 'NAME_INVALID', detail: String(number) }, ref: undefined }),
      100,
      0,
    )
  }
  t.notOk(connection.reading)
  open = true
  session.hold()
  session.release()
  await until('all of them', () => performed.length === numbers.length)
  t.same(performed, numbers)
  t.ok(connection.reading)
})

t.test('in one turn of the event loop 64 frames of a connection take effect at most', async (t) => {
  let performed = 0
  const perform = () => {
    performed += 1
    return true
  }
  const session = new Session({
    id: 's',
    connection: new TestConnection(),
    perform,
    outboxMaxBytes: 1000,
    now: 0,
  })
  for (let count = 0; count < 1000; count += 1) session.receive(() => frame, 100, 0)
  for (let before = 0; performed < 1000; ) {
    t.ok(performed - before <= 64)
    before = performed
    // Before it goes on: immediates come in the order in which they were asked for.
    await new Promise((resolve) => setImmediate(resolve))
  }
})

t.test('who asks without reading gets no more answers until it reads', async (t) => {
  const connection = new TestConnection()
  connection.socket.takes = false
  let performed = 0
  const session: Session = new Session({ id: 's', connection, perform, outboxMaxBytes: 4000, now: 0 })
  function perform(): boolean {
    performed += 1
    session.outbox.push(Buffer.alloc(600))
    session.outbox.flush()
    return true
  }
  for (let count = 0; count < 5; count += 1) session.receive(() => frame, 100, 0)
  t.equal(performed, 2, 'a quarter of the cap, and no more')
  connection.socket.drain()
  t.equal(performed, 5)
})

t.test('what was sent before the connection ended is heard', async (t) => {
  const app = await startApp(t)
  const beto = await Client.join(app.url, 'Beto')
  const ana = await Client.join(app.url, 'Ana')
  for (let number = 0; number < 300; number += 1) {
    ana.send({ type: 'broadcast', sender: 'Ana', content: String(number) })
    if (number % 3 === 0) ana.send({ type: 'user_info', sender: 'Ana', target: 'Beto' })
  }
  ana.ws.close()
  for (let number = 0; number < 300; number += 1) {
    const { type, content } = await beto.next()
    if (type !== 'broadcast' || content !== String(number))
      throw new Error(`${type} ${content} came, not ${number}`)
  }
  t.match(await beto.next(), { type: 'user_disconnected', content: 'Ana ha salido' })
})

t.test('1.2 what changes nothing is answered before what was sent behind it has its effect', async (t) => {
  const app = await startApp(t)
  const ana = await Client.join(app.url, 'Ana')
  const frames: [string, object][] = [
    ['ACTIVO', { type: 'change_status', content: 'ACTIVO' }],
    ['OCUPADO', { type: 'change_status', content: 'OCUPADO' }],
    ['OCUPADO', { type: 'change_status', content: 'OCUPADO' }],
  ]
  for (const [, sent] of frames) ana.send({ sender: 'Ana', ...sent })
  ana.send({ type: 'private', sender: 'Ana', target: 'Nadie', content: 'x' })
  ana.send({ type: 'broadcast', sender: 'Ana', content: 'last' })
  for (const [status] of frames)
    t.match(await ana.next(), { type: 'status_update', content: { user: 'Ana', status } })
  t.match(await ana.next(), { type: 'error', content: 'Usuario no encontrado' })
  t.match(await ana.next(), { type: 'broadcast', content: 'last' })
})

t.test(
  'thousands of frames at once, sent without reading an answer, are all answered in order',
  async (t) => {
    const app = await startApp(t, { RATE_PER_SECOND: '0' })
    const ana = await Client.join(app.url, 'Ana')
    const count = 5000
    for (let number = 0; number < count; number += 1) {
      ana.send({ type: 'broadcast', sender: 'Ana', content: String(number) })
    }
    for (let number = 0; number < count; number += 1) {
      const { content } = await ana.next()
      if (content !== String(number)) throw new Error(`${number} was expected, ${content} came`)
    }
  },
)

t.test('1.5 a client that stops reading is closed 1013, and nobody waits for it', async (t) => {
  const app = await startApp(t, { OUTBOX_MAX_BYTES: '65536' })
  const ana = await Client.join(app.url, 'Ana')
  const slow = await Client.join(app.url, 'Lento')
  slow.ws.pause()
  const text = 'x'.repeat(4000)
  let said = 0
  for (let farewell: unknown; farewell === undefined; ) {
    for (let count = 0; count < 20; count += 1) ana.send({ type: 'broadcast', sender: 'Ana', content: text })
    for (let count = 0; count < 20; count += 1) {
      const { type, content } = await ana.next()
      if (type === 'user_disconnected') farewell = content
    }
    said += 20
    if (said > 20_000) throw new Error('the slow one is still there')
  }
  slow.ws.resume()
  const { code } = await slow.closed()
  t.equal(code, 1013)
  const heard = slow.unread.map(({ content }) => content)
  t.ok(heard.length < said, 'it did not get everything')
  t.ok(
    heard.every((content) => content === text),
    'and what it got was whole',
  )
})

t.test('a list larger than the cap reaches a client that reads', async (t) => {
  const app = await startApp(t, { OUTBOX_MAX_BYTES: '1024' })
  const names = Array.from({ length: 60 }, (_, index) => `${index} ${randomUUID()}`)
  for (const name of names) await Client.join(app.url, name)
  const ana = await Client.open(app.url)
  t.same((await ana.register('Ana')).userList, [...names, 'Ana'])
  t.same(await ana.settle(), [])
})

t.test('frames that wait are bounded in bytes, too', async (t) => {
  const connection = new TestConnection()
  const session = new Session({ id: 's', connection, perform: () => true, outboxMaxBytes: 1000, now: 0 })
  session.hold()
  for (let count = 0; count < 4; count += 1) session.receive(() => frame, 64 * 1024, 0)
  t.ok(connection.reading)
  session.receive(() => frame, 64 * 1024, 0)
  t.notOk(connection.reading)
  session.release()
  t.ok(connection.reading)
  session.hold()
  for (let count = 0; count < 4; count += 1) session.receive(() => frame, 64 * 1024, 0)
  t.ok(connection.reading, 'what has taken effect does not count any more')
  session.release()
})

t.test('a frame that is put back counts as much as before', async (t) => {
  const connection = new TestConnection()
  const session = new Session({ id: 's', connection, perform: () => false, outboxMaxBytes: 1000, now: 0 })
  for (let count = 0; count < 4; count += 1) session.receive(() => frame, 64 * 1024, 0)
  t.ok(connection.reading)
  session.receive(() => frame, 1, 0)
  t.notOk(connection.reading)
})

t.test('1.5 many long answers to a client that reads come all, however small the cap is', async (t) => {
  const app = await startApp(t, { OUTBOX_MAX_BYTES: '20000' })
  for (let index = 10; index < 30; index += 1) await Client.join(app.url, `${index}${'😀'.repeat(60)}`)
  const ana = await Client.join(app.url, 'Ana')
  ana.sendAll(Array.from({ length: 200 }, () => ({ type: 'list_users', sender: 'Ana' })))
  for (let count = 0; count < 200; count += 1) t.match(await ana.next(), { type: 'list_users_response' })
})

t.test('1.1 a client that asks and reads nothing at all is ended', async (t) => {
  const app = await startApp(t, { RATE_PER_SECOND: '0', PING_INTERVAL_MS: '200' })
  const beto = await Client.join(app.url, 'Beto')
  for (let index = 10; index < 30; index += 1) await Client.join(app.url, `${index}${'😀'.repeat(60)}`)
  const deaf = await Client.join(app.url, 'Sorda')
  deaf.socket.pause()
  deaf.sendAll(Array.from({ length: 6000 }, () => ({ type: 'list_users', sender: 'Sorda' })))
  t.match(await beto.next('user_disconnected'), { content: 'Sorda ha salido' })
})
