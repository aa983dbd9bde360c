import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { difference } from '../../src/room/difference.js'
import { Directory } from '../../src/room/directory.js'
import type { Ban, Event, Presence } from '../../src/room/events.js'
import { history, keyOfEvent, presentAfter } from './arbitraries.js'
import { at, banOf, someone } from './samples.js'

const NOW = Date.UTC(2025, 0, 2, 3, 4, 5)
const TIME = '"timestamp":"2025-01-02T03:04:05.000Z"'
const ana = someone('Ana', 1)
const beto = someone('Beto', 2)
const position = { epoch: 'e2', offset: 77 }

function between(before: readonly Presence[], after: readonly Presence[]): Event[] {
  return difference(
    new Directory({ position: at(9), users: before, bans: [] }),
    { position, users: after, bans: [] },
    NOW,
  )
}
/** What is told of somebody who was there all the time. */
const goesOn = (presence: Presence) => ({ kind: 'joined', position, presence, fresh: false, at: NOW })
const textOf = (event: Event | undefined) =>
  event !== undefined && 'frame' in event ? Buffer.from(event.frame).toString() : ''

t.test('who is not in the snapshot has left', async (t) => {
  const events = between([ana, beto], [beto])
  const { key, session } = ana
  t.match(events, [{ kind: 'left', position, key, session }])
  t.equal(events.length, 1)
  t.equal(
    textOf(events[0]),
    `{"type":"user_disconnected","sender":"server","content":"Ana ha salido",${TIME}}`,
  )
})

t.test('who is only in the snapshot has joined', async (t) => {
  t.strictSame(between([ana], [ana, beto]), [
    { kind: 'joined', position, presence: beto, fresh: true, at: NOW },
  ])
})

t.test('whose status is another has changed it', async (t) => {
  const events = between([ana, beto], [ana, { ...beto, status: 'OCUPADO' }])
  const { key, session } = beto
  t.match(events, [{ kind: 'status', position, key, session, status: 'OCUPADO' }])
  t.equal(events.length, 1)
  const content = '{"user":"Beto","status":"OCUPADO"}'
  t.equal(textOf(events[0]), `{"type":"status_update","sender":"server","content":${content},${TIME}}`)
})

t.test('a name that another session has now was left, and joined', async (t) => {
  const other = someone('ANA', 5)
  const events = between([ana], [other])
  t.match(events, [
    { kind: 'left', session: ana.session },
    { kind: 'joined', presence: other, fresh: true },
  ])
  t.match(textOf(events[0]), 'Ana ha salido', 'under the name that it had')
})

t.test('a session that another node holds now has joined, and nobody is told of a departure', async (t) => {
  const moved: Presence = { ...ana, node: 'n2', status: 'OCUPADO' }
  t.strictSame(between([ana], [moved]), [goesOn(moved)])
})

t.test('who took himself over has joined, and nobody is told of a departure', async (t) => {
  const owner = someone('Ana', 1, { account: 'a1' })
  const fresh: Presence = { ...owner, session: 'fresh', status: 'OCUPADO' }
  t.strictSame(between([owner, beto], [fresh, beto]), [goesOn(fresh)])
  const later: Presence = { ...fresh, node: 'n2', order: 9 }
  t.strictSame(between([owner], [later]), [goesOn(later)])
})

t.test('a name that another account has now, or a guest, was left', async (t) => {
  const owner = someone('Ana', 1, { account: 'a1' })
  const others = [someone('Ana', 5, { account: 'a2' }), someone('Ana', 5)]
  for (const other of others)
    t.match(between([owner], [other]), [
      { kind: 'left', session: owner.session },
      { kind: 'joined', presence: other },
    ])
  const guest = someone('Ana', 1)
  t.match(between([guest], [someone('Ana', 5, { account: 'a1' })]), [{ kind: 'left' }, { kind: 'joined' }])
  t.match(
    between([guest], [someone('Ana', 5)]),
    [{ kind: 'left' }, { kind: 'joined' }],
    'guests are not known',
  )
})

t.test('whose session was taken up, or is held, has not gone', async (t) => {
  const guest = someone('Ana', 1, { extended: true })
  const resumed: Presence = { ...guest, session: 'fresh', node: 'n2' }
  t.strictSame(between([guest, beto], [resumed, beto]), [goesOn(resumed)])
  const held: Presence = { ...guest, node: '', held: true }
  t.strictSame(between([guest], [held]), [goesOn(held)])
  t.strictSame(between([held], [guest]), [goesOn(guest)])
  t.strictSame(between([held], [held]), [])
  const other = someone('Ana', 5, { extended: true })
  t.match(between([held], [other]), [
    { kind: 'left', session: held.session },
    { kind: 'joined', fresh: true },
  ])
})

/** As {@link between}, of bans. */
function betweenBans(before: readonly Ban[], after: readonly Ban[]): Event[] {
  const directory = new Directory({ position: at(9), users: [ana], bans: before })
  return difference(directory, { position, users: [ana], bans: after }, NOW)
}

t.test('bans that are new are told as they are, and those that are gone were lifted', async (t) => {
  const [one, two, three] = [banOf('1'), banOf('2', { reason: 'x' }), banOf('3', { expiresAt: NOW + 1 })]
  t.strictSame(betweenBans([one], [one, two, three]), [
    { kind: 'banned', position, ban: two },
    { kind: 'banned', position, ban: three },
  ])
  t.strictSame(betweenBans([one, two, three], [two]), [
    { kind: 'unbanned', position, id: one.id },
    { kind: 'unbanned', position, id: three.id },
  ])
  t.strictSame(betweenBans([one, two], [two, one]), [])
})

t.test('bans that are over are not lifted once more', async (t) => {
  t.strictSame(betweenBans([banOf('1', { expiresAt: NOW })], []), [])
})

t.test('where nothing differs nothing has happened', async (t) => {
  t.strictSame(between([ana, beto], [ana, beto]), [])
  t.strictSame(between([], []), [])
})

t.test('applied, it leads from any directory to any snapshot of the same room', async () => {
  const pasts = history().chain((past) =>
    fc.tuple(fc.constant(presentAfter(past)), history(presentAfter(past), 60)),
  )
  const property = fc.property(pasts, ([before, events]) => {
    const after = presentAfter(events, before)
    const directory = new Directory({ position: at(9), users: before, bans: [] })
    const snapshot = { position, users: after, bans: [] }
    const steps = difference(directory, snapshot, NOW)
    for (const event of steps) directory.apply(event)
    directory.moveTo(position)
    assert.deepEqual([...directory.users()], after)
    assert.deepEqual(directory.userList, new Directory(snapshot).userList)
    assert.deepEqual(directory.position, position)
    assert.deepEqual(difference(directory, snapshot, NOW), [])
    const unchanged = before.filter((user) => after.includes(user))
    const about = new Set(steps.map(keyOfEvent))
    for (const { key, name } of unchanged) assert.ok(!about.has(key), `nothing happened to ${name}`)
  })
  fc.assert(property, { numRuns: 200 })
})
