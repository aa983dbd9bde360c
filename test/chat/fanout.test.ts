import t from 'tap'
import { Fanout } from '../../src/chat/fanout.js'
import { Outbox } from '../../src/chat/outbox.js'
import { framed } from '../../src/protocol/codec.js'
import { TestConnection } from '../support/connection.js'

interface TestMember {
  readonly connection: TestConnection
  readonly outbox: Outbox
  seen: number
}

function member(maxBytes = 1_000_000): TestMember {
  const connection = new TestConnection()
  return { connection, outbox: new Outbox(connection, maxBytes), seen: 0 }
}
const payload = (text: string) => Buffer.from(text)
const frames = (...texts: string[]) => Buffer.concat(texts.map((text) => framed(text))).toString('latin1')
const turn = () => new Promise((resolve) => setImmediate(resolve))

function room(count: number) {
  const overfull: TestMember[] = []
  const fanout = new Fanout<TestMember>((slow) => overfull.push(slow))
  const members = Array.from({ length: count }, () => member())
  for (const each of members) fanout.enter(each)
  return { fanout, members, overfull }
}

t.test('what is appended in a turn goes to everyone in one write, at its end', async (t) => {
  const { fanout, members } = room(3)
  fanout.append(payload('one'))
  fanout.append(payload('two'))
  t.equal(fanout.pendingBytes, frames('one', 'two').length)
  for (const { connection } of members) t.same(connection.socket.writes, [])
  await turn()
  for (const { connection } of members)
    t.same(
      connection.socket.writes.map((w) => w.toString('latin1')),
      [frames('one', 'two')],
    )
  t.equal(fanout.pendingBytes, 0)
})

t.test('everyone is given the same buffer', async (t) => {
  const { fanout, members } = room(2)
  const given: Uint8Array[] = []
  for (const { connection } of members) connection.socket.write = (chunk) => given.push(chunk) > 0
  fanout.append(payload('one'))
  fanout.flush()
  t.equal(given.length, 2)
  t.equal(given[0], given[1])
})

t.test('who enters in the middle of a turn gets what comes after', async (t) => {
  const { fanout, members } = room(1)
  const late = member()
  fanout.append(payload('one'))
  fanout.enter(late)
  fanout.append(payload('two'))
  fanout.flush()
  t.equal(members[0]?.connection.socket.written, frames('one', 'two'))
  t.equal(late.connection.socket.written, frames('two'))
})

t.test('who leaves in the middle of a turn gets what came before', async (t) => {
  const { fanout, members } = room(1)
  const leaver = member()
  fanout.enter(leaver)
  fanout.append(payload('one'))
  fanout.leave(leaver)
  fanout.append(payload('two'))
  fanout.flush()
  t.equal(leaver.connection.socket.written, frames('one'))
  t.equal(members[0]?.connection.socket.written, frames('one', 'two'))
})

t.test('a frame to one alone keeps its place among those to everyone', async (t) => {
  const { fanout, members } = room(2)
  const [first, second] = members
  if (!first || !second) throw new Error('no members')
  fanout.append(payload('one'))
  fanout.send(first, framed('own'))
  fanout.append(payload('two'))
  await turn()
  t.same(
    first.connection.socket.writes.map((w) => w.toString('latin1')),
    [frames('one', 'own', 'two')],
    'and all is one write',
  )
  t.equal(second.connection.socket.written, frames('one', 'two'))
})

t.test('a frame to one who is not a member is all that it gets', async (t) => {
  const { fanout } = room(1)
  const guest = member()
  fanout.append(payload('one'))
  fanout.send(guest, framed('own'))
  await turn()
  t.equal(guest.connection.socket.written, frames('own'))
})

t.test('one member can be left out of a frame', async (t) => {
  const { fanout, members } = room(2)
  const [first, second] = members
  if (!first || !second) throw new Error('no members')
  fanout.append(payload('one'))
  fanout.appendExcept(first, payload('two'))
  fanout.append(payload('three'))
  fanout.flush()
  t.equal(first.connection.socket.written, frames('one', 'three'))
  t.equal(second.connection.socket.written, frames('one', 'two', 'three'))
})

t.test('frames of any size arrive whole and in order', async (t) => {
  const { fanout, members } = room(2)
  const texts = [10, 70_000, 1, 65_530, 200_000, 3, 65_536].map((length, index) =>
    String(index).repeat(length),
  )
  for (const [index, text] of texts.entries()) {
    fanout.append(payload(text))
    if (index % 2 === 0) await turn()
  }
  await turn()
  for (const { connection } of members) t.ok(connection.socket.written === frames(...texts))
})

t.test('whoever leaves more unread than the cap is named, the others are not', async (t) => {
  const { fanout, overfull } = room(1)
  const slow = member(10)
  slow.connection.socket.takes = false
  fanout.enter(slow)
  fanout.append(payload('one'))
  fanout.flush()
  t.same(overfull, [])
  fanout.append(payload('a longer one'))
  fanout.flush()
  t.equal(overfull.length, 1)
  t.equal(overfull[0], slow)
})

t.test('whoever is relieved by a flush and sends again is flushed again', async (t) => {
  const { fanout, members } = room(1)
  const asker = member(1000)
  fanout.enter(asker)
  const answer = framed('x'.repeat(400))
  let answers = 0
  const go = () => {
    answers += 1
    fanout.send(asker, answer)
    if (answers < 20) asker.outbox.onceRelieved(go)
  }
  go()
  for (let turns = 0; turns < 20; turns += 1) await turn()
  t.equal(answers, 20)
  t.equal(asker.connection.socket.written.length, 20 * answer.length, 'and nothing is left behind')
  fanout.append(payload('one'))
  await turn()
  t.equal(members[0]?.connection.socket.written, frames('one'))
})
