import t from 'tap'
import { MemorySessions } from '../../src/backplane/memory-sessions.js'
import { keyOf } from '../../src/protocol/names.js'
import { INBOX_HELD, INBOX_SENT, KNOWN_REFS } from '../../src/room/inbox.js'

const [ana, beto] = [keyOf('Ana'), keyOf('Beto')]
const after = { epoch: 'e', offset: 1 }
const frame = (bytes: number) => Buffer.alloc(bytes)

/** The seqs of an inbox. */
function seqs(sessions: MemorySessions, secret: string, behind = 0): number[] | 'lost' {
  const inbox = sessions.inbox(secret, behind)
  return inbox === 'lost' ? inbox : inbox.map(({ seq }) => seq)
}

function deliver(sessions: MemorySessions, count: number, bytes = 1): void {
  for (let times = 0; times < count; times += 1) sessions.deliver(ana, after, frame(bytes))
}

t.test('it knows when those who are held have been for long enough, and who is next', async (t) => {
  const sessions = new MemorySessions()
  const carla = keyOf('Carla')
  for (const key of [ana, beto, carla]) sessions.enter(key, `of ${key}`)
  t.strictSame(sessions.due(1000), { keys: [], next: undefined })
  sessions.hold(beto, 30)
  sessions.hold(ana, 20)
  t.strictSame(sessions.due(19), { keys: [], next: 20 })
  t.strictSame(sessions.due(20), { keys: [ana], next: 30 })
  t.strictSame(sessions.due(30), { keys: [ana, beto], next: undefined })
  sessions.enter(ana, 'of ana')
  sessions.end(beto)
  t.strictSame(sessions.due(1000), { keys: [], next: undefined }, 'taken up, and over')
})

t.test('what is kept goes with the session, and not with another of the name', async (t) => {
  const sessions = new MemorySessions()
  sessions.enter(ana, 'one')
  deliver(sessions, 2)
  sessions.enter(ana, 'one')
  t.strictSame(seqs(sessions, 'one'), [1, 2], 'it goes on')
  sessions.enter(ana, 'two')
  t.strictSame([seqs(sessions, 'one'), seqs(sessions, 'two')], ['lost', []])
  t.strictSame([sessions.knows('one'), sessions.knows('two'), sessions.secretOf(ana)], [false, true, 'two'])
  sessions.enter(ana, undefined)
  t.strictSame([sessions.knows('two'), sessions.secretOf(ana)], [false, undefined])
  t.equal(sessions.deliver(ana, after, frame(1)), undefined)
})

t.test('messages of a connected session are trimmed by number and bytes, oldest first', async (t) => {
  const sessions = new MemorySessions()
  sessions.enter(ana, 'one')
  deliver(sessions, INBOX_SENT.messages + 2)
  t.equal(seqs(sessions, 'one', 1), 'lost')
  t.equal(seqs(sessions, 'one', 2).length, INBOX_SENT.messages)
  deliver(sessions, 1, INBOX_SENT.bytes - 10)
  t.equal(seqs(sessions, 'one', INBOX_SENT.messages + 3 - 11).length, 11, 'ten of a byte, and the large one')
  t.equal(seqs(sessions, 'one', INBOX_SENT.messages + 3 - 12), 'lost')
})

t.test('a held session is full by number or bytes; one that is connected never is', async (t) => {
  const sessions = new MemorySessions()
  sessions.enter(ana, 'one')
  t.notOk(sessions.isFull(ana, 2 * INBOX_HELD.bytes))
  sessions.hold(ana, 10)
  t.notOk(sessions.isFull(ana, INBOX_HELD.bytes))
  t.ok(sessions.isFull(ana, INBOX_HELD.bytes + 1))
  deliver(sessions, INBOX_HELD.messages - 1)
  t.notOk(sessions.isFull(ana, 1))
  deliver(sessions, 1)
  t.ok(sessions.isFull(ana, 1))
  t.equal(seqs(sessions, 'one').length, INBOX_HELD.messages, 'nothing of it is trimmed')
  t.notOk(sessions.isFull(beto, 1), 'of a name that nobody has')
})

t.test('what had waited stays until as much has come as is kept of who is connected', async (t) => {
  const sessions = new MemorySessions()
  sessions.enter(ana, 'one')
  sessions.hold(ana, 10)
  deliver(sessions, 1000)
  sessions.enter(ana, 'one')
  deliver(sessions, INBOX_SENT.messages)
  t.equal(seqs(sessions, 'one').length, 1000 + INBOX_SENT.messages)
  deliver(sessions, 1)
  t.equal(seqs(sessions, 'one', 1000), 'lost')
  t.equal(seqs(sessions, 'one', 1001).length, INBOX_SENT.messages)
})

t.test('the latest refs are known with what became of them', async (t) => {
  const sessions = new MemorySessions()
  sessions.enter(ana, 'one')
  for (let ref = 0; ref <= KNOWN_REFS; ref += 1)
    sessions.remember(ana, `${ref}`, { ok: true, position: { epoch: 'e', offset: ref } })
  t.equal(sessions.outcomeOf(ana, '0'), undefined)
  for (const ref of [1, KNOWN_REFS])
    t.strictSame(sessions.outcomeOf(ana, `${ref}`), {
      ok: true,
      position: { epoch: 'e', offset: ref },
      repeated: true,
    })
  t.equal(sessions.outcomeOf(ana, undefined), undefined)
  t.equal(sessions.outcomeOf(beto, '1'), undefined)
  sessions.remember(beto, '1', { ok: true, position: after })
  t.equal(sessions.outcomeOf(beto, '1'), undefined, 'a base session has none')
})
