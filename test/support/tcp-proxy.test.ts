import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { TcpProxy } from './tcp-proxy.js'
import { until } from './until.js'

/** One end of a connection, with what has come from the other one. */
class End {
  readonly socket: Socket
  received = ''
  ended = false
  /** The code of the error it ended with, or 'closed'. */
  fate: string | undefined

  constructor(t: Test, socket: Socket) {
    this.socket = socket
    socket.setEncoding('utf8').on('data', (text) => {
      this.received += text
    })
    socket.on('end', () => {
      this.ended = true
    })
    socket.on('error', (error) => {
      this.fate = 'code' in error ? String(error.code) : error.message
    })
    socket.on('close', () => {
      this.fate ??= 'closed'
    })
    t.teardown(() => socket.destroy())
  }

  async has(text: string): Promise<void> {
    await until(`"${text}"`, () => this.received === text)
  }
}

/** A server, a proxy before it, and what connects them. */
async function setUp(t: Test) {
  const ends: End[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => ends.push(new End(t, socket)))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  const proxy = await TcpProxy.to(address.port)
  t.teardown(async () => {
    await proxy.close()
    server.close()
  })
  const client = () =>
    new End(t, connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true }))
  const pair = async () => {
    const near = client()
    const count = ends.length
    await until('the server accepts', () => ends.length > count)
    const far = ends[count]
    if (far === undefined) throw new Error('the server has not accepted')
    return { near, far }
  }
  return { proxy, server, ends, client, pair }
}

/** Resolves once a byte has made the whole way there and back on another connection: what could pass before it, has. */
async function roundTrip(t: Test): Promise<void> {
  const { pair, proxy } = await setUp(t)
  const { near, far } = await pair()
  near.socket.write('x')
  await far.has('x')
  far.socket.write('y')
  await near.has('y')
  await proxy.close()
}

t.test('passes bytes both ways, however many', async (t) => {
  const { pair } = await setUp(t)
  const { near, far } = await pair()
  const many = 'x'.repeat(5_000_000)
  near.socket.write(many)
  far.socket.write('small')
  await near.has('small')
  await far.has(many)
  far.socket.write(many)
  await near.has(`small${many}`)
})

t.test('lets a reader that does not read hold up the writer', async (t) => {
  const { pair } = await setUp(t)
  const { near, far } = await pair()
  far.socket.pause()
  const many = 'x'.repeat(50_000_000)
  near.socket.write(many)
  for (let times = 0; times < 30; times += 1) await roundTrip(t)
  t.ok(near.socket.writableLength > 0)
  far.socket.resume()
  await until('all of it', () => far.received.length === many.length)
})

t.test('passes on the end of one direction, and the other direction goes on', async (t) => {
  const { proxy, pair } = await setUp(t)
  const { near, far } = await pair()
  near.socket.end('last words')
  await far.has('last words')
  await until('the end', () => far.ended)
  far.socket.write('answer')
  await near.has('answer')
  far.socket.end()
  await until('both are closed', () => near.fate === 'closed' && far.fate === 'closed')
  await until('the proxy forgets it', () => proxy.connections === 0)
})

t.test('passes on a reset', async (t) => {
  const { pair } = await setUp(t)
  const { near, far } = await pair()
  far.socket.resetAndDestroy()
  await until('the reset', () => near.fate === 'ECONNRESET')
  const other = await pair()
  other.near.socket.resetAndDestroy()
  await until('the reset the other way', () => other.far.fate === 'ECONNRESET')
})

t.test('resets a connection when the server is not there', async (t) => {
  const { proxy, server, client } = await setUp(t)
  server.close()
  const near = client()
  await until('the reset', () => near.fate === 'ECONNRESET')
  await until('the proxy forgets it', () => proxy.connections === 0)
})

t.test('closes and refuses when dropped, until it is restored', async (t) => {
  const { proxy, pair, client } = await setUp(t)
  const { near, far } = await pair()
  await proxy.drop()
  await until('both ends', () => near.ended && far.ended)
  const refused = client()
  await until('the refusal', () => refused.fate === 'ECONNREFUSED')
  await proxy.drop()
  await proxy.restore()
  const again = await pair()
  again.near.socket.write('back')
  await again.far.has('back')
})

t.test('destroys the present connections and takes new ones', async (t) => {
  const { proxy, pair } = await setUp(t)
  const { near, far } = await pair()
  proxy.killAll()
  t.equal(proxy.connections, 0)
  await until('both ends', () => near.ended && far.ended)
  const { near: other, far: otherFar } = await pair()
  other.socket.write('new')
  await otherFar.has('new')
})

t.test('passes nothing as a black hole, and all of it when restored', async (t) => {
  const { proxy, pair, client, ends } = await setUp(t)
  const { near, far } = await pair()
  near.socket.write('before')
  await far.has('before')
  await proxy.blackhole()
  near.socket.end(' after')
  far.socket.end('reply')
  const late = client()
  await once(late.socket, 'connect')
  late.socket.write('late')
  const gone = client()
  await once(gone.socket, 'connect')
  gone.socket.resetAndDestroy()
  await roundTrip(t)
  t.same([far.received, near.received, far.ended, near.ended], ['before', '', false, false])
  t.same([near.fate, far.fate, late.fate, ends.length], [undefined, undefined, undefined, 1])

  await proxy.restore()
  await far.has('before after')
  await near.has('reply')
  await until('both ends', () => near.ended && far.ended)
  await until('the late one', () => ends.some((end) => end.received === 'late'))
  await until('only the late one is left', () => proxy.connections === 1)
})

t.test('keeps resets for itself as a black hole', async (t) => {
  const { proxy, server, pair, client } = await setUp(t)
  const { near, far } = await pair()
  const other = await pair()
  await proxy.blackhole()
  far.socket.resetAndDestroy()
  other.near.socket.resetAndDestroy()
  near.socket.write('to nobody')
  server.close()
  const late = client()
  await once(late.socket, 'connect')
  await roundTrip(t)
  t.same([near.fate, other.far.fate, late.fate], [undefined, undefined, undefined])
  await proxy.restore()
  await until('resets', () => [near, other.far, late].every((end) => end.fate === 'ECONNRESET'))
  await until('the proxy forgets them', () => proxy.connections === 0)
})

t.test('is a black hole in one direction', async (t) => {
  const { proxy, pair } = await setUp(t)
  const { near, far } = await pair()
  await proxy.blackhole('toServer')
  near.socket.write('held')
  far.socket.write('passes')
  await near.has('passes')
  await roundTrip(t)
  t.equal(far.received, '')

  await proxy.blackhole('toClient')
  await far.has('held')
  far.socket.write(' later')
  near.socket.write(' and more')
  await far.has('held and more')
  await roundTrip(t)
  t.equal(near.received, 'passes')
  await proxy.restore()
  await near.has('passes later')
})

t.test('is a black hole after it was dropped', async (t) => {
  const { proxy, client, ends } = await setUp(t)
  await proxy.drop()
  await proxy.blackhole()
  const near = client()
  await once(near.socket, 'connect')
  await proxy.close()
  await until('the end', () => near.ended)
  t.equal(ends.length, 0)
})
