import t from 'tap'
import { Outbox } from '../../src/chat/outbox.js'
import { TestConnection } from '../support/connection.js'

function outbox(maxBytes = 100) {
  const connection = new TestConnection()
  return { connection, socket: connection.socket, outbox: new Outbox(connection, maxBytes) }
}
const bytes = (length: number) => Buffer.alloc(length, 'x')

t.test('what was pushed is written in one write', async (t) => {
  const { socket, outbox: box } = outbox()
  for (const text of ['a', 'b', 'c']) box.push(Buffer.from(text))
  t.same(socket.writes, [])
  box.flush()
  t.same(socket.writes.map(String), ['abc'])
  box.flush()
  t.equal(socket.writes.length, 1, 'and only once')
})

t.test('a single buffer is handed on as it is, without a copy being made of it', async (t) => {
  const connection = new TestConnection()
  const given: Uint8Array[] = []
  connection.socket.write = (chunk) => given.push(chunk) > 0
  const box = new Outbox(connection, 100)
  const frames = bytes(10)
  box.push(frames)
  box.flush()
  t.equal(given[0], frames)
})

t.test('a write is at most 64 KiB, unless one buffer is larger', async (t) => {
  const { socket, outbox: box } = outbox(1_000_000)
  for (const length of [40_000, 40_000, 100_000, 10]) box.push(bytes(length))
  box.flush()
  t.same(
    socket.writes.map(({ length }) => length),
    [40_000, 40_000, 100_000, 10],
  )
})

t.test('a frame in parts goes out in one go, without a copy being made of them', async (t) => {
  const connection = new TestConnection()
  const { socket } = connection
  const given: (Uint8Array | 'cork' | 'uncork')[] = []
  socket.write = (chunk) => given.push(chunk) > 0
  socket.cork = () => given.push('cork')
  socket.uncork = () => given.push('uncork')
  const box = new Outbox(connection, 1_000_000)
  const [head, list, tail] = [bytes(10), bytes(200_000), bytes(5)]
  box.push([head, list, tail])
  t.equal(box.waiting, 200_015)
  box.flush()
  t.equal(given.length, 5)
  for (const [index, what] of ['cork', head, list, tail, 'uncork'].entries()) t.equal(given[index], what)
  t.equal(box.waiting, 0)
})

t.test('no frame is begun that cannot be ended before somebody else writes', async (t) => {
  const { socket, outbox: box } = outbox(1_000_000)
  box.push(bytes(60_000))
  box.push([bytes(1000), bytes(5000), bytes(10)])
  socket.takes = false
  box.flush()
  t.strictSame(
    socket.writes.map(({ length }) => length),
    [60_000],
  )
  socket.drain()
  t.strictSame(
    socket.writes.map(({ length }) => length),
    [60_000, 6010],
  )
})

t.test('a frame in parts counts as one that may be larger than the cap', async (t) => {
  const { socket, outbox: box } = outbox(100)
  socket.takes = false
  box.push([bytes(50), bytes(50), bytes(50)])
  box.flush()
  t.notOk(box.overfull)
  box.push([bytes(50), bytes(51)])
  t.ok(box.overfull)
})

t.test('delivered, it says whether so little waits that nobody need look', async (t) => {
  const { socket, outbox: box } = outbox(1_000_000)
  t.ok(box.deliver(bytes(10)))
  socket.takes = false
  t.notOk(box.deliver(bytes(10)))
  t.notOk(box.deliver(bytes(10)), 'nothing overtakes')
  t.equal(box.waiting, 20)
  const small = outbox(100)
  t.notOk(small.outbox.deliver(bytes(10)), 'the socket itself takes more than the cap')
})

t.test('what the kernel refuses waits for it, and nothing overtakes', async (t) => {
  const { socket, outbox: box } = outbox()
  socket.takes = false
  box.push(Buffer.from('a'))
  box.flush()
  box.push(Buffer.from('b'))
  box.flush()
  box.push(Buffer.from('c'))
  box.flush()
  t.equal(socket.written, 'a')
  t.equal(box.waiting, 3)
  socket.drain()
  t.same(socket.writes.map(String), ['a', 'bc'])
  t.equal(box.waiting, 0)
})

t.test('it is overfull when more waits than the cap', async (t) => {
  const { socket, outbox: box } = outbox(100)
  socket.takes = false
  box.push(bytes(60))
  box.flush()
  t.notOk(box.overfull)
  box.push(bytes(40))
  t.notOk(box.overfull, 'exactly the cap')
  box.push(bytes(1))
  t.ok(box.overfull)
  socket.drain()
  t.notOk(box.overfull, 'and no longer when it was read')
})

t.test('a single frame larger than the cap passes if nothing else waits', async (t) => {
  const { socket, outbox: box } = outbox(100)
  socket.takes = false
  box.push(bytes(500))
  box.flush()
  t.notOk(box.overfull)
  box.push(bytes(100))
  t.notOk(box.overfull, 'as much as the cap may come behind it')
  box.push(bytes(1))
  t.ok(box.overfull, 'but not more')
  box.flush()
  socket.drain()
  t.notOk(box.overfull)

  socket.takes = false
  box.push(bytes(60))
  box.flush()
  box.push(bytes(60))
  t.ok(box.overfull, 'once it has gone, everything counts again')
})

t.test('a large frame behind others is not excused', async (t) => {
  const { socket, outbox: box } = outbox(100)
  socket.takes = false
  box.push(bytes(1))
  box.flush()
  box.push(bytes(500))
  t.ok(box.overfull)
})

t.test('nothing is written to a connection that is closing', async (t) => {
  const { connection, socket, outbox: box } = outbox()
  box.push(bytes(1))
  connection.open = false
  box.flush()
  box.push(bytes(1))
  box.flush()
  t.same(socket.writes, [])
  t.equal(box.waiting, 0)
})

t.test('it calls back once, when everything was handed to the socket', async (t) => {
  const { socket, outbox: box } = outbox()
  let calls = 0
  socket.takes = false
  box.push(bytes(1))
  box.flush()
  box.push(bytes(1))
  box.onceEmpty(() => {
    calls += 1
  })
  t.equal(calls, 0)
  socket.drain()
  t.equal(calls, 1)
  box.flush()
  t.equal(calls, 1)
})

t.test('what waits can be dropped', async (t) => {
  const { socket, outbox: box } = outbox()
  socket.takes = false
  box.push(Buffer.from('a'))
  box.flush()
  box.push(Buffer.from('b'))
  box.discard()
  socket.drain()
  t.equal(socket.written, 'a')
})
