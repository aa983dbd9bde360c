import t from 'tap'
import { MAX_BANS } from '../../../src/room/bans.js'
import {
  announce,
  banOf,
  forbid,
  join,
  leave,
  permit,
  person,
  remove,
  say,
  whisper,
} from '../../contract/people.js'
import { now, outcomesOf, roomChecks, type ScriptRoom, short } from './kit.js'

const check = await roomChecks(t)
const NOBODY = { node: '', epoch: '' }

const ownedBy = (room: ScriptRoom, id: string) => room.admin.smembers(room.key(`owned:${id}`))
const bansOf = async (room: ScriptRoom) => (await room.scripts.snapshot(NOBODY)).bans
const keptBans = async (room: ScriptRoom) => (await room.admin.hkeys(room.key('bans'))).sort()

check('who is removed belongs to no node any more', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  const [ana, beto] = [await one.join('Ana'), await one.join('Beto')]
  await two.done(remove(ana))
  t.strictSame([await ownedBy(room, 'one'), await ownedBy(room, 'two')], [['beto'], []])
  t.equal(await room.admin.hlen(room.key('users')), 1)
  await two.done(remove(beto), join(person('Beto')))
  t.strictSame([await ownedBy(room, 'one'), await ownedBy(room, 'two')], [[], ['beto']])
})

check('who enters where somebody was removed is not shown out with that node', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  const ana = await one.join('Ana')
  await two.done(remove(ana))
  await two.join('Ana')
  await room.end('one')
  const ear = await room.listen()
  await room.scripts.sweep(two.caller, now)
  t.strictSame(await ear.take(), [])
  t.equal((await room.scripts.snapshot(NOBODY)).users.length, 1)
})

check('a node that is swept may still have somebody removed: by any other', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  const ana = await one.join('Ana')
  await room.end('one')
  await two.done(remove(ana))
  const ear = await room.listen()
  await room.scripts.sweep(two.caller, now)
  t.strictSame(await ear.take(), [], 'he has left once')
  t.equal(await room.admin.exists(room.key('swept')), 0)
})

check('a removal is judged by what those before it in the batch have done', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  const [ana, beto] = [await one.join('Ana'), await two.join('Beto')]
  const again = person('Ana')
  const batch = [remove(again), remove(ana), whisper(beto, 'Ana'), join(again), remove(ana), remove(again)]
  const then = [remove(beto), say(beto), leave(beto)]
  t.strictSame(short(await two.outcomes(...batch, ...then)), [
    ...['FENCED', 3, 'UNKNOWN_TARGET', 4, 'FENCED', 5],
    ...[6, 'FENCED', 'FENCED'],
  ])
  t.equal(await room.admin.exists(room.key('users'), room.key('owned:one'), room.key('owned:two')), 0)
})

check(
  'what operators do is one entry of the log with the rest of its batch, and done once',
  async (t, room) => {
    const [one, two] = [await room.node('one'), await room.node('two')]
    const ana = await one.join('Ana')
    const ear = await room.listen()
    const ban = banOf('Ana', { reason: 'una\t\n"razón"' })
    const batch = [remove(ana), announce('hola'), forbid(ban), permit(banOf('x')), permit(ban), forbid(ban)]
    const outcomes = await two.outcomes(...batch)
    t.strictSame(short(outcomes), [2, 3, 4, 'UNKNOWN_BAN', 5, 6])
    const before = await room.kept()
    t.strictSame(outcomesOf(await two.send(two.number, ...batch)), outcomes)
    t.strictSame(await room.kept(), before)
    t.equal((await ear.take()).length, 1)
    const log = await room.log(one.at(1))
    t.match(log, [
      { kind: 'removed', session: ana.session, position: one.at(2) },
      { kind: 'said', key: undefined },
      { kind: 'banned', ban },
      { kind: 'unbanned', id: ban.id },
      { kind: 'banned', ban, position: one.at(6) },
    ])
    t.strictSame(await bansOf(room), [ban])
  },
)

check('a node that is not there decrees nothing', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  const ana = await two.join('Ana')
  await room.end('one')
  const before = await room.kept()
  for (const proposal of [remove(ana), announce('hola'), forbid(banOf('Ana'))])
    t.strictSame(await one.commit(proposal), { kind: 'lapsed' })
  t.strictSame(await room.kept(), before)
})

check('bans survive a restart of Redis, and are gone with its data', async (t, room) => {
  const node = await room.node('n')
  const ban = banOf('203.0.113.0/24', { kind: 'ip', expiresAt: (await room.time()) + 600_000 })
  await node.done(forbid(ban))
  await room.restarted()
  t.strictSame(await bansOf(room), [ban])
  await room.forgotten()
  t.strictSame(await bansOf(room), [])
})

check('bans are told in the order in which they were made, however many there are', async (t, room) => {
  const node = await room.node('n')
  const bans = Array.from({ length: 200 }, (_, index) =>
    banOf(`user ${index}`, { reason: 'x'.repeat(index) }),
  )
  await node.done(...bans.toReversed().map(forbid))
  t.strictSame(await bansOf(room), bans)
})

/** As many bans as a room may have, with the end that each is to have; in Redis alone. */
async function fill(room: ScriptRoom, endOf: (index: number) => number | ''): Promise<void> {
  const bans = Array.from({ length: MAX_BANS }, (_, index) => [`f${index}`, `${endOf(index)}\t{}`])
  await room.admin.hset(room.key('bans'), ...bans.flat())
}

check('bans that are over are kept until there are too many, and then make room', async (t, room) => {
  const node = await room.node('n')
  const time = await room.time()
  await fill(room, (index) => {
    if (index % 100 === 0) return time - 1
    return index % 2 === 0 ? time + 600_000 : ''
  })
  const over = MAX_BANS / 100
  const bans = Array.from({ length: over + 2 }, (_, index) => banOf(`user ${index}`))
  const outcomes = short(await node.outcomes(...bans.map(forbid)))
  t.strictSame(outcomes.slice(-3), [over, 'TOO_MANY_BANS', 'TOO_MANY_BANS'])
  const kept = await keptBans(room)
  t.equal(kept.length, MAX_BANS)
  t.notOk(kept.includes('f0') || kept.includes('f9900'), 'those that were over are gone')
  t.ok(kept.includes('f1') && kept.includes('f2') && kept.includes(bans[0]?.id ?? ''))
  t.strictSame(short(await node.outcomes(permit(banOf('nobody')))), ['UNKNOWN_BAN'])
})

check('a ban that is over cannot be lifted, and takes no offset', async (t, room) => {
  const node = await room.node('n')
  const time = await room.time()
  const bans = [banOf('1', { expiresAt: time - 1 }), banOf('2', { expiresAt: time + 600_000 }), banOf('3')]
  await node.done(...bans.map(forbid))
  t.strictSame(short(await node.outcomes(...bans.map(permit))), ['UNKNOWN_BAN', 4, 5])
  t.strictSame(await bansOf(room), [])
})

check('room that was made in a batch is there for the rest of it', async (t, room) => {
  const node = await room.node('n')
  await fill(room, () => '')
  const [one, two] = [banOf('1'), banOf('2')]
  const lift = (id: string) => permit(banOf('', { id }))
  const batch = [forbid(one), lift('f1'), forbid(one), forbid(two), lift('f2'), lift('f3'), lift('f3')]
  t.strictSame(short(await node.outcomes(...batch, forbid(two), announce('hola'))), [
    ...['TOO_MANY_BANS', 1, 2, 'TOO_MANY_BANS', 3, 4, 'UNKNOWN_BAN'],
    ...[5, 6],
  ])
  t.equal((await keptBans(room)).length, MAX_BANS - 1)
  const other = await room.node('other')
  t.strictSame(short(await other.outcomes(forbid(banOf('3')), forbid(banOf('4')))), [7, 'TOO_MANY_BANS'])
})
