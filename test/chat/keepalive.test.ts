import t from 'tap'
import { Keepalive } from '../../src/chat/keepalive.js'
import { Session } from '../../src/chat/session.js'
import { TestConnection } from '../support/connection.js'

function session(keepalive: Keepalive) {
  const connection = new TestConnection()
  const it = new Session({ id: 's', connection, perform: () => true, outboxMaxBytes: 1000, now: 0 })
  keepalive.watch(it)
  return { it, connection }
}

/** Lets a whole interval go by. */
function interval(keepalive: Keepalive, sessions: Session[]): Session[] {
  return Array.from({ length: Math.round(1600 / keepalive.tickMs) }, () => keepalive.tick(sessions)).flat()
}

t.test('1.1 every connection is pinged once an interval', async (t) => {
  const keepalive = new Keepalive(1600)
  const all = Array.from({ length: 40 }, () => session(keepalive))
  const sessions = all.map(({ it }) => it)
  interval(keepalive, sessions)
  t.ok(all.every(({ connection }) => connection.pings === 1))
})

t.test('1.1 pings are spread over the interval', async (t) => {
  const keepalive = new Keepalive(1600)
  const all = Array.from({ length: 160 }, () => session(keepalive))
  keepalive.tick(all.map(({ it }) => it))
  t.equal(all.filter(({ connection }) => connection.pings === 1).length, 10)
})

t.test(
  '1.1 a connection silent for three intervals is found; any byte received counts as life',
  async (t) => {
    const keepalive = new Keepalive(1600)
    const { it: silent, connection: quiet } = session(keepalive)
    const { it: alive, connection } = session(keepalive)
    const sessions = [silent, alive]
    const step = () => {
      connection.socket.bytesRead += 1
      return interval(keepalive, sessions)
    }
    t.same([step(), step(), step()].flat(), [], 'not before three intervals have gone by')
    t.equal(quiet.pings, 3)
    const ended = step()
    t.equal(ended.length, 1)
    t.equal(ended[0], silent)
  },
)

t.test('1.4 a connection that the server has stopped reading is not silent', async (t) => {
  const keepalive = new Keepalive(1600)
  const connection = new TestConnection()
  const it = new Session({ id: 's', connection, perform: () => false, outboxMaxBytes: 1000, now: 0 })
  keepalive.watch(it)
  for (let count = 0; count < 100; count += 1)
    it.receive(() => ({ kind: 'refused', refusal: { code: 'NAME_TAKEN' }, ref: undefined }), 100, 0)
  t.ok(it.paused)
  for (let count = 0; count < 10; count += 1) t.same(interval(keepalive, [it]), [])
})

const frame = { kind: 'refused', refusal: { code: 'NAME_TAKEN' }, ref: undefined } as const

/** A session that the server has stopped reading, because it does not read its answers. */
function deaf(keepalive: Keepalive) {
  const connection = new TestConnection()
  const it = new Session({ id: 's', connection, perform: () => true, outboxMaxBytes: 1000, now: 0 })
  keepalive.watch(it)
  connection.socket.takes = false
  connection.socket.bytesWritten = 600
  it.outbox.push(Buffer.alloc(600))
  it.outbox.flush()
  for (let count = 0; count < 100; count += 1) it.receive(() => frame, 100, 0)
  return { it, connection }
}

t.test('1.1 a client that reads nothing, and is not read because of that, is silent', async (t) => {
  const keepalive = new Keepalive(1600)
  const { it } = deaf(keepalive)
  t.ok(it.paused)
  for (let count = 0; count < 3; count += 1) t.same(interval(keepalive, [it]), [])
  t.equal(interval(keepalive, [it]).length, 1)
})

t.test('1.1 so is one whose kernel has taken some of it before', async (t) => {
  const keepalive = new Keepalive(1600)
  const { it, connection } = deaf(keepalive)
  connection.socket.writableLength = 100
  t.ok(it.paused && !it.outbox.pressed, 'it waits for all of it to go')
  for (let count = 0; count < 3; count += 1) t.same(interval(keepalive, [it]), [])
  t.equal(interval(keepalive, [it]).length, 1)
})

t.test('1.1 one that reads a little now and then is not', async (t) => {
  const keepalive = new Keepalive(1600)
  const { it, connection } = deaf(keepalive)
  for (let count = 0; count < 20; count += 1) {
    connection.socket.writableLength -= 1
    t.same(interval(keepalive, [it]), [])
  }
  t.ok(it.paused && it.outbox.holdsBack)
})

t.test('1.4 one that is not read because it was too fast is not silent', async (t) => {
  const keepalive = new Keepalive(1600)
  const connection = new TestConnection()
  const rate = { perSecond: 0.001, burst: 1 }
  const it = new Session({ id: 's', connection, perform: () => true, outboxMaxBytes: 1000, rate, now: 0 })
  t.teardown(() => it.connectionEnded())
  keepalive.watch(it)
  for (let count = 0; count < 3; count += 1) it.receive(() => frame, 100, 0)
  t.ok(it.paused)
  for (let count = 0; count < 10; count += 1) t.same(interval(keepalive, [it]), [])
})

t.test('1.1 silence begins anew when the server reads again', async (t) => {
  const keepalive = new Keepalive(1600)
  const { it, connection } = session(keepalive)
  for (let count = 0; count < 3; count += 1) t.same(interval(keepalive, [it]), [])
  it.hold()
  for (let count = 0; count < 65; count += 1) it.receive(() => frame, 100, 0)
  t.ok(it.paused)
  t.same(interval(keepalive, [it]), [])
  it.release()
  await new Promise((resolve) => setImmediate(resolve))
  t.ok(!it.paused && connection.reading)
  for (let count = 0; count < 2; count += 1) t.same(interval(keepalive, [it]), [])
  t.equal(interval(keepalive, [it]).length, 1)
})
