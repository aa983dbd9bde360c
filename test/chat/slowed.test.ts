/** Who is too fast is slowed, and not punished (protocol 1.4). */
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { Session } from '../../src/chat/session.js'
import { CLOSES } from '../../src/protocol/codes.js'
import { Client } from '../conformance/client.js'
import { fragments, frame, json, OPCODE, ping, pong } from '../http/rfc6455/frames.js'
import { Peer } from '../http/rfc6455/peer.js'
import { type RunningApp, startApp } from '../support/app.js'
import { TestConnection } from '../support/connection.js'
import { until } from '../support/until.js'

const contents = async (client: Client, count: number): Promise<unknown[]> => {
  const all: unknown[] = []
  while (all.length < count) all.push((await client.next('broadcast')).content)
  return all
}

t.test(
  'nothing of what came too fast is lost, and it keeps its order; others are served at once',
  async (t) => {
    const app = await startApp(t, { RATE_PER_SECOND: '200', RATE_BURST: '20' })
    const fast = await Client.join(app.url, 'Ana')
    const slow = await Client.join(app.url, 'Beto')
    const numbers = Array.from({ length: 150 }, (_, index) => String(index))
    fast.sendAll(numbers.map((content) => ({ type: 'broadcast', sender: 'Ana', content })))
    const seen: unknown[] = []
    slow.send({ type: 'broadcast', sender: 'Beto', content: 'me too' })
    while (!seen.includes('me too')) seen.push((await slow.next('broadcast')).content)
    t.ok(seen.length < 100, `${seen.length} came before it`)
    t.same(
      seen.filter((content) => content !== 'me too').concat(await contents(slow, 151 - seen.length)),
      numbers,
    )
    t.notOk(fast.ended)
  },
)

t.test('what is refused costs more than what is accepted', async (t) => {
  const app = await startApp(t, { RATE_PER_SECOND: '1', RATE_BURST: '22' })
  const beto = await Client.join(app.url, 'Beto')
  const ana = await Client.join(app.url, 'Ana')
  // 21 are left of the burst, for as many accepted frames; refused ones take five each.
  ana.sendAll(Array.from({ length: 21 }, () => ({ type: 'broadcast', sender: 'Ana', content: '' })))
  for (let count = 0; count < 5; count += 1) t.match(await ana.next(), { type: 'error' })
  for (let count = 0; count < 3; count += 1) await beto.settle()
  t.same(ana.unread, [])
})

t.test('while the server does not read, silence is not the client’s', async (t) => {
  const app = await startApp(t, { RATE_PER_SECOND: '1', RATE_BURST: '2', PING_INTERVAL_MS: '20' })
  const ana = await Client.join(app.url, 'Ana')
  ana.sendAll(Array.from({ length: 4 }, (_, n) => ({ type: 'broadcast', sender: 'Ana', content: String(n) })))
  t.same(await contents(ana, 4), ['0', '1', '2', '3'], 'three seconds, and a hundred pings, later')
  t.notOk(ana.ended)
})

t.test('what was sent before the connection ended is heard, however fast it was', async (t) => {
  const app = await startApp(t, { RATE_PER_SECOND: '1', RATE_BURST: '5' })
  const beto = await Client.join(app.url, 'Beto')
  const ana = await Client.join(app.url, 'Ana')
  ana.sendAll(
    Array.from({ length: 30 }, (_, n) => ({ type: 'broadcast', sender: 'Ana', content: String(n) })),
  )
  ana.ws.close()
  t.equal((await contents(beto, 30)).at(-1), '29')
  t.match(await beto.next(), { type: 'user_disconnected', content: 'Ana ha salido' })
})

t.test('0 is no limit', async (t) => {
  const app = await startApp(t, { RATE_PER_SECOND: '0', RATE_BURST: '1' })
  const ana = await Client.join(app.url, 'Ana')
  ana.sendAll(
    Array.from({ length: 2000 }, (_, n) => ({ type: 'broadcast', sender: 'Ana', content: String(n) })),
  )
  t.equal((await contents(ana, 2000)).length, 2000)
})

t.test('registrations from one address are slowed, and those from others are not', async (t) => {
  const app = await startApp(t, { REGISTRATIONS_PER_MINUTE: '60', TRUST_PROXY: '127.0.0.1' })
  const from = (ip: string) => Client.open(app.url, { headers: { 'x-forwarded-for': ip } })
  const busy = await from('192.0.2.1')
  busy.sendAll(Array.from({ length: 61 }, () => ({ type: 'register', sender: 'server' })))
  for (let count = 0; count < 60; count += 1)
    t.match(await busy.next(), { type: 'error', content: /reservado/ })
  const other = await from('192.0.2.2')
  await other.register('Beto')
  t.same(busy.unread, [])
  t.match(await busy.next(), { type: 'error', content: /reservado/ }, 'a second later')
})

const asked = { kind: 'frame', frame: { type: 'list_users', sender: 'Ana' }, ref: undefined } as const

/** A session that may have three frames at once, and no more for a long time. */
function scarce(t: Test, perform: (session: Session) => boolean = () => true) {
  const connection = new TestConnection()
  let performed = 0
  const session = new Session({
    id: 's',
    connection,
    perform: (from) => {
      const done = perform(from)
      if (done) performed += 1
      return done
    },
    outboxMaxBytes: 1000,
    rate: { perSecond: 0.001, burst: 3 },
    now: 0,
  })
  t.teardown(() => session.connectionEnded())
  const send = (count: number) => {
    for (let sent = 0; sent < count; sent += 1) session.receive(() => asked, 100, 0)
  }
  return { connection, session, send, performed: () => performed }
}

t.test('each accepted frame costs a token; whoever has none left is not read further', async (t) => {
  const { connection, session, send, performed } = scarce(t)
  send(2)
  t.ok(connection.reading)
  send(2)
  t.equal(performed(), 3)
  t.notOk(connection.reading)
  t.ok(session.paused)
})

t.test('a session that is closed while it is slowed is read again: its close frame must come', async (t) => {
  const { connection, session, send, performed } = scarce(t)
  send(5)
  session.state = 'closed'
  session.hangUp(CLOSES.RESTART)
  t.ok(connection.reading)
  t.equal(performed(), 3)
})

t.test('the wait of a slowed session ends with its connection', async (t) => {
  const { connection, session, send, performed } = scarce(t)
  send(5)
  connection.open = false
  session.connectionEnded()
  let heard = 0
  session.whenHeard(() => {
    heard += 1
  })
  t.equal(heard, 1)
  t.equal(performed(), 5)
  t.notOk(session.paused)
})

t.test('of a client that has gone 64 frames take effect beyond what it might send', async (t) => {
  const { connection, session, send, performed } = scarce(t)
  session.hold()
  send(200)
  connection.open = false
  session.connectionEnded()
  let heard = 0
  session.whenHeard(() => {
    heard += 1
  })
  session.release()
  await until('it is heard', () => heard === 1)
  t.equal(performed(), 3 + 64)
})

t.test('a frame that waits for earlier ones is not lost by that', async (t) => {
  const { connection, session, send, performed } = scarce(t, ({ settled }) => settled)
  send(3)
  for (let count = 0; count < 200; count += 1) session.begin()
  send(1)
  connection.open = false
  session.connectionEnded()
  let heard = 0
  session.whenHeard(() => {
    heard += 1
  })
  for (let count = 0; count < 200; count += 1) session.settle()
  t.equal(performed(), 4)
  t.equal(heard, 1)
})

t.test('pings and pongs cost a token each', async (t) => {
  const { connection, session } = scarce(t)
  for (let count = 0; count < 2; count += 1) session.receiveControl()
  t.ok(connection.reading)
  session.receiveControl()
  t.notOk(connection.reading)
})

t.test('what comes in many pieces costs as much as many frames', async (t) => {
  const { connection, session, send } = scarce(t)
  connection.socket.bytesRead = 512 * 1024
  send(1)
  t.ok(connection.reading, 'so much may wait in the library')
  connection.socket.bytesRead += 1000
  send(1)
  t.notOk(connection.reading)
  t.ok(session.paused)
})

/** The server's ends of the connections that come from now on. */
function serverSockets(app: RunningApp): Socket[] {
  const sockets: Socket[] = []
  app.http.server.on('connection', (socket: Socket) => sockets.push(socket))
  return sockets
}

t.test('1.4 whoever sends thousands of pongs is not read on, and others are served', async (t) => {
  const app = await startApp(t, { RATE_PER_SECOND: '1', RATE_BURST: '10' })
  const beto = await Client.join(app.url, 'Beto')
  const sockets = serverSockets(app)
  const peer = await Peer.join(t, app, 'Ana')
  peer.write(
    ...Array.from({ length: 10_000 }, () => pong()),
    json({ type: 'broadcast', sender: 'Ana', content: 'x' }),
  )
  await until('it is not read', () => sockets[0]?.isPaused())
  for (let count = 0; count < 3; count += 1)
    t.same(
      (await beto.settle()).filter(({ type }) => type === 'broadcast'),
      [],
    )
  t.ok(sockets[0]?.isPaused())
})

t.test(
  '1.4 whoever sends messages of thousands of fragments is not read on, and others are served',
  async (t) => {
    const app = await startApp(t, { RATE_PER_SECOND: '1', RATE_BURST: '300' })
    const beto = await Client.join(app.url, 'Beto')
    const sockets = serverSockets(app)
    const peer = await Peer.join(t, app, 'Ana')
    const text = Buffer.from(JSON.stringify({ type: 'broadcast', sender: 'Ana', content: 'x' }))
    const [first = Buffer.alloc(0)] = fragments(text, text.length - 1)
    const empty = frame({ opcode: OPCODE.continuation, fin: false })
    const last = frame({ opcode: OPCODE.continuation, payload: text.subarray(-1) })
    const message = [first, ...Array.from({ length: 4000 }, () => empty), last]
    for (let count = 0; count < 200; count += 1) peer.write(...message)
    await until('it is not read', () => sockets[0]?.isPaused())
    const heard = (await beto.settle()).filter(({ type }) => type === 'broadcast')
    t.ok(heard.length < 100, `${heard.length} were heard`)
  },
)

t.test('whoever hangs up again and again is no faster by that', async (t) => {
  const app = await startApp(t, { RATE_PER_SECOND: '1', RATE_BURST: '5' })
  const beto = await Client.join(app.url, 'Beto')
  for (let round = 0; round < 3; round += 1) {
    const peer = await Peer.join(t, app, 'Ana')
    peer.write(
      ...Array.from({ length: 500 }, (_, n) => json({ type: 'broadcast', sender: 'Ana', content: `${n}` })),
    )
    peer.reset()
    let heard = 0
    while ((await beto.next(['broadcast', 'user_disconnected'])).type === 'broadcast') heard += 1
    // What came back while it went on counts, too.
    t.ok(heard <= 5 + 64 + 20, `${heard} took effect`)
  }
})

t.test('what was sent before a FIN takes effect where nothing was too fast', async (t) => {
  const app = await startApp(t, { RATE_PER_SECOND: '1', RATE_BURST: '300' })
  const beto = await Client.join(app.url, 'Beto')
  const peer = await Peer.join(t, app, 'Ana')
  peer.write(
    ...Array.from({ length: 200 }, (_, n) => json({ type: 'broadcast', sender: 'Ana', content: `${n}` })),
  )
  peer.finish()
  t.same(
    await contents(beto, 200),
    Array.from({ length: 200 }, (_, n) => `${n}`),
  )
  t.match(await beto.next(), { type: 'user_disconnected' })
})

t.test('a slowed client that pings all the time stays', async (t) => {
  const app = await startApp(t, { RATE_PER_SECOND: '400', RATE_BURST: '5', PING_INTERVAL_MS: '20' })
  const peer = await Peer.join(t, app, 'Ana')
  for (let round = 0; round < 4; round += 1) {
    peer.write(...Array.from({ length: 100 }, () => ping('all the time')))
    peer.write(ping(`round ${round}`))
    for (let answer = ''; answer !== `round ${round}`; ) {
      const { opcode, payload } = await peer.frame()
      t.ok(opcode === OPCODE.pong || opcode === OPCODE.ping)
      if (opcode === OPCODE.pong) answer = payload.toString()
    }
  }
  peer.write(json({ type: 'broadcast', sender: 'Ana', content: 'still there' }))
  for (;;) {
    const { opcode, payload } = await peer.frame()
    if (opcode !== OPCODE.text) continue
    t.match(payload.toString(), 'still there')
    break
  }
})
