/** UPGRADES_PER_SECOND: more than can be let in at a time wait, and are served in the order in which they came. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { ServerResponse } from 'node:http'
import { queryObjects } from 'node:v8'
import t, { type Test } from 'tap'
import { Client } from '../conformance/client.js'
import { act, type RunningApp, startApp } from '../support/app.js'
import { selfSigned } from '../support/redis/certificate.js'
import { until } from '../support/until.js'
import { handshake, json } from './rfc6455/frames.js'
import { type Answer, Peer, type Target } from './rfc6455/peer.js'

/** A server, and how it is reached by raw connections. */
interface Door {
  readonly app: RunningApp
  readonly target: Target
}

async function open(t: Test, env: Record<string, string>, tls = false): Promise<Door> {
  if (!tls) {
    const app = await startApp(t, env)
    return { app, target: app }
  }
  const { cert, key } = await selfSigned(t.testdir())
  const app = await startApp(t, { ...env, TLS_CERT: cert, TLS_KEY: key })
  return { app, target: { port: app.port, ca: readFileSync(cert) } }
}

/** Asks for upgrades, one after the other: the next asks when the server has read what the one before asked for. */
async function queue(t: Test, { app, target }: Door, count: number): Promise<Peer[]> {
  const peers: Peer[] = []
  for (let asked = 0; asked < count; asked += 1) {
    const peer = await Peer.dial(t, target)
    const read = once(app.http.server, 'upgrade')
    peer.write(handshake())
    await read
    peers.push(peer)
  }
  return peers
}

/** What all are answered, each with its number in the line, in the order of the answers. */
async function answersOf(peers: readonly Peer[]): Promise<{ number: number; answer: Answer }[]> {
  const answers: { number: number; answer: Answer }[] = []
  await Promise.all(
    peers.map(async (peer, number) => {
      answers.push({ number, answer: await peer.answer() })
    }),
  )
  return answers
}

/** Has so many connections on the server's side. */
async function connections({ app }: Door): Promise<number> {
  return new Promise((resolve, reject) => {
    app.http.server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })
}

/** Checks that somebody is told to come back later. */
function isSentAway(t: Test, { status, headers }: Answer): void {
  t.equal(status, 503)
  t.match(headers.get('retry-after'), /^\d+$/)
}

const statuses = async (peers: readonly Peer[]) =>
  Promise.all(peers.map(async (peer) => (await peer.answer()).status))

t.test('those who come at once are let in in the order in which they came', async (t) => {
  const door = await open(t, { UPGRADES_PER_SECOND: '20' })
  const answers = await answersOf(await queue(t, door, 10))
  t.same(
    answers.map(({ number, answer }) => [number, answer.status]),
    Array.from({ length: 10 }, (_, number) => [number, 101]),
  )
})

for (const tls of [false, true]) {
  t.test(`whoever goes while he waits gives up his place, over ${tls ? 'TLS' : 'TCP'}`, async (t) => {
    const door = await open(t, { UPGRADES_PER_SECOND: '1' }, tls)
    const [first, ...others] = await queue(t, door, 11)
    t.equal((await first?.answer())?.status, 101)
    const last = others.pop()
    const before = queryObjects(ServerResponse, { format: 'count' })
    others.pop()?.reset()
    for (const peer of others) peer.finish()
    // One a second would be let in, if they were not seen to go.
    await until('they are gone', async () => (await connections(door)) === 2, 5000)
    t.ok(queryObjects(ServerResponse, { format: 'count' }) <= before - 8, 'nothing is kept of them')
    t.equal((await last?.answer())?.status, 101, 'it is the turn of whoever is behind them')
    await Client.open(door.app.url.replace('ws:', tls ? 'wss:' : 'ws:'), { ...door.target })
  })

  t.test(`what somebody says while he waits is heard, over ${tls ? 'TLS' : 'TCP'}`, async (t) => {
    const door = await open(t, { UPGRADES_PER_SECOND: '2' }, tls)
    const [, early, tooEarly] = await queue(t, door, 3)
    const register = (sender: string) => json({ type: 'register', sender, content: null })
    early?.write(register('Ana'))
    tooEarly?.write(register('Beto'))
    t.match(await early?.message(), { type: 'register_success', userList: ['Ana'] })
    t.match(await tooEarly?.message(), { type: 'register_success', userList: ['Ana', 'Beto'] })
  })
}

t.test('whoever would wait for too long is sent away at once', async (t) => {
  const door = await open(t, { UPGRADES_PER_SECOND: '1' })
  const peers = await queue(t, door, 15)
  const last = await peers.at(-1)?.answer()
  if (last) isSentAway(t, last)
  await peers.at(-1)?.ended()
  t.equal((await peers[0]?.answer())?.status, 101)
})

t.test('0: nobody waits', async (t) => {
  const door = await open(t, { UPGRADES_PER_SECOND: '0' })
  t.same(
    await statuses(await queue(t, door, 50)),
    Array.from({ length: 50 }, () => 101),
  )
})

t.test('whoever waits counts as a connection, until he goes', async (t) => {
  const door = await open(t, { UPGRADES_PER_SECOND: '1', MAX_CONNECTIONS: '2' })
  const [, waiting, tooMany] = await queue(t, door, 3)
  t.equal((await tooMany?.answer())?.status, 503)
  waiting?.finish()
  await until('a place is free', async () => {
    const [next] = await queue(t, door, 1)
    return (await next?.answer())?.status === 101
  })
})

t.test('whoever is banned while he waits is not let in', async (t) => {
  const door = await open(t, { UPGRADES_PER_SECOND: '1' })
  const [, waiting] = await queue(t, door, 2)
  t.equal((await act(door.app, 'POST', '/bans', { kind: 'ip', value: '127.0.0.1' })).statusCode, 201)
  t.equal((await waiting?.answer())?.status, 403)
})

t.test('those who wait when the server ends are sent away, and nothing hangs', async (t) => {
  const door = await open(t, { UPGRADES_PER_SECOND: '1' })
  const [, ...waiting] = await queue(t, door, 4)
  const stopped = door.app.stop()
  for (const peer of waiting) {
    isSentAway(t, await peer.answer())
    await peer.ended()
  }
  await stopped
})

t.test('those who wait when the server is closed by itself are sent away, too', async (t) => {
  const door = await open(t, { UPGRADES_PER_SECOND: '1' })
  const [first, ...waiting] = await queue(t, door, 4)
  await first?.answer()
  const closed = door.app.http.close()
  for (const peer of waiting) isSentAway(t, await peer.answer())
  first?.reset()
  await closed
})

t.test('those who wait while sessions are being closed are sent away', async (t) => {
  const door = await open(t, { UPGRADES_PER_SECOND: '10', DRAIN_MS: '3000' })
  await Client.open(door.app.url)
  const second = await Client.open(door.app.url)
  const waiting = await queue(t, door, 5)
  const left = door.app.leave()
  const last = await waiting.at(-1)?.answer()
  if (last) isSentAway(t, last)
  t.ok(second.ws.readyState === second.ws.OPEN, 'long before the server ends')
  await left
})

t.test('the time that a request may take is not what it waits', async (t) => {
  const door = await open(t, { UPGRADES_PER_SECOND: '1' })
  const peers = await queue(t, door, 4)
  // They are looked at once a second, and their requests came whole.
  door.app.http.server.headersTimeout = 100
  door.app.http.server.requestTimeout = 100
  t.same(await statuses(peers), [101, 101, 101, 101])
})
