import { Bans, MAX_BANS } from '../../../src/room/bans.js'
import type { Ban } from '../../../src/room/events.js'
import { until } from '../../support/until.js'
import type { Check } from '../check.js'
import {
  announce,
  banOf,
  changeStatus,
  forbid,
  frameOf,
  join,
  leave,
  legible,
  permit,
  person,
  remove,
  say,
  whisper,
} from '../people.js'
import { last, type TestNode, verdicts } from '../room.js'

/** The bans by what a node was told. */
function foldOf({ snapshot, log }: TestNode): Ban[] {
  const bans = new Bans(snapshot.bans)
  for (const event of log) {
    if (event.kind === 'banned') bans.add(event.ban)
    if (event.kind === 'unbanned') bans.lift(event.id)
  }
  return bans.all(Date.now())
}

/** As many as there can be, the last of them as they are given. */
function crowd(...others: Ban[]): Ban[] {
  return [
    ...Array.from({ length: MAX_BANS - others.length }, (_, index) => banOf(`user ${index}`)),
    ...others,
  ]
}

/** As text, which is quick to compare. */
const idsOf = (bans: readonly Ban[]) => bans.map(({ id }) => id).join(' ')

/** What operators ask for. */
export async function decrees(check: Check): Promise<void> {
  await check('any node may remove a session, and everyone is told', async (t, room) => {
    const [a, b, c] = await room.three()
    const ana = await a.enter('Ana')
    const beto = await b.enter('Beto')
    const removal = remove(ana)
    const where = last(await b.done(removal))
    const { key, session } = ana
    for (const node of [a, b, c]) {
      await node.sink.reach(where)
      const event = { kind: 'removed', position: where, key, session, frame: frameOf(removal) }
      t.strictSame(legible(last(node.log)), event, node.label)
      t.match(node.present(), [beto])
      t.equal(await node.backplane.find(key), undefined)
    }
    const acts = [say(ana), changeStatus(ana, 'OCUPADO'), whisper(ana, 'Beto'), leave(ana)]
    t.strictSame(verdicts(await a.commit(...acts)), Array(4).fill('FENCED'))
    t.strictSame(verdicts(await b.commit(whisper(beto, 'Ana'))), ['UNKNOWN_TARGET'])
    const sessions = new Map((await c.backplane.nodes()).map(({ id, sessions }) => [id, sessions]))
    t.strictSame([sessions.get(a.id), sessions.get(b.id)], [0, 1])
    await c.enter('Ana')
  })

  await check('a node may remove what it holds itself', async (t, room) => {
    const node = await room.node()
    const ana = await node.enter('Ana')
    t.strictSame(verdicts(await node.commit(remove(ana), say(ana), remove(ana))), ['ok', 'FENCED', 'FENCED'])
    t.strictSame((await node.catchUp()).users, [])
    t.strictSame(node.present(), [])
  })

  await check('only the session that is meant is removed', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enter('Ana')
    const beto = await a.enter('Beto')
    const before = await b.catchUp()
    const others = [
      person('Ana'),
      person('nobody'),
      { ...ana, session: beto.session },
      { ...beto, session: ana.session },
      { ...ana, session: '' },
    ]
    for (const node of [a, b])
      t.strictSame(
        verdicts(await node.commit(...others.map(remove))),
        others.map(() => 'FENCED'),
      )
    t.strictSame(await b.backplane.snapshot(), before)
  })

  await check('a session that entered again is removed by its own id alone', async (t, room) => {
    const [a, b] = await room.two()
    const old = await a.enter('Ana')
    const fresh = person('Ana')
    t.strictSame(verdicts(await b.commit(remove(old), join(fresh), remove(old))), ['ok', 'ok', 'FENCED'])
    t.match(await a.presenceOf(fresh), { session: fresh.session, node: b.id, order: 3 })
    await room.sweep(a)
    await a.sink.until('that it lapsed', (told) => told.some(({ kind }) => kind === 'lapsed'))
    await b.catchUp()
    t.match(b.present(), [fresh])
    t.equal(b.present().length, 1, 'who was on the node before is not in its stead')
  })

  await check('an announcement is told to all in its place, as the words of nobody', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enter('Ana')
    const before = (await b.catchUp()).position.offset
    const proposals = [say(ana, '1'), announce('aviso\t\n 🦊 "&"'), say(ana, '2')]
    const where = await a.done(...proposals)
    for (const node of [a, b]) await node.sink.reach(last(where))
    t.strictSame(
      where.map(({ offset }) => offset),
      [before + 1, before + 2, before + 3],
    )
    const said = {
      kind: 'said',
      key: undefined,
      position: where[1],
      frame: frameOf(proposals[1] ?? say(ana)),
    }
    t.strictSame(b.log.slice(-2, -1).map(legible), [said])
    t.strictSame(b.log.slice(-3).map(frameOf), proposals.map(frameOf))
    t.strictSame(b.log.map(legible), a.log.map(legible))
    const slice = await b.backplane.read(where[0] ?? b.snapshot.position, 1)
    t.strictSame(slice === 'lost' ? slice : slice.events.map(legible), [said])
  })

  await check('a node without sessions announces too', async (t, room) => {
    const [a, b] = await room.two()
    t.strictSame(verdicts(await b.commit(announce('1'), announce('1'))), ['ok', 'ok'])
    await a.catchUp()
    t.equal(a.log.length, 2)
  })

  await check('a ban is told as it was made, and stands in every snapshot', async (t, room) => {
    const [a, b] = await room.two()
    const bans = [
      banOf('Ana'),
      banOf('"Ñandú"\t\n\0 🦊', { reason: 'molesta:\n\t"mucho" \u2028' }),
      banOf('203.0.113.0/24', { kind: 'ip', expiresAt: Date.now() + 3_600_000 }),
      banOf('2001:db8::/32', { kind: 'ip', reason: '' }),
    ]
    const where = [
      ...(await a.done(...bans.slice(0, 2).map(forbid))),
      ...(await b.done(...bans.slice(2).map(forbid))),
    ]
    for (const node of [a, b]) {
      await node.sink.reach(last(where))
      const events = bans.map((ban, index) => ({ kind: 'banned', position: where[index], ban }))
      t.strictSame(node.log, events, node.label)
      t.strictSame((await node.backplane.snapshot()).bans, bans)
    }
    const late = await room.node()
    t.strictSame(late.snapshot.bans, bans, 'in the order in which they were made')
    t.strictSame(late.snapshot.users, [])
  })

  await check(
    'bans meet nobody by themselves: who is there stays, and who comes is let in',
    async (t, room) => {
      const [a, b] = await room.two()
      const ana = await a.enter('Ana')
      await b.done(forbid(banOf('Ana')), forbid(banOf('Beto')))
      t.strictSame(verdicts(await a.commit(say(ana), join(person('Beto')))), ['ok', 'ok'])
    },
  )

  await check('a ban that is lifted is told, and gone', async (t, room) => {
    const [a, b] = await room.two()
    const [first, second, third] = [banOf('Ana'), banOf('Beto'), banOf('Carla')]
    await a.done(forbid(first), forbid(second), forbid(third))
    const where = last(await b.done(permit(second)))
    for (const node of [a, b]) {
      await node.sink.reach(where)
      t.strictSame(last(node.log), { kind: 'unbanned', position: where, id: second.id })
      t.strictSame((await node.backplane.snapshot()).bans, [first, third])
      t.strictSame(foldOf(node), [first, third])
    }
  })

  await check('a ban that there is not cannot be lifted', async (t, room) => {
    const [a, b] = await room.two()
    const ban = banOf('Ana')
    const unknown = banOf('Ana')
    t.strictSame(verdicts(await a.commit(permit(unknown))), ['UNKNOWN_BAN'])
    const outcomes = await a.commit(permit(ban), forbid(ban), permit(unknown), permit(ban), permit(ban))
    t.strictSame(verdicts(outcomes), ['UNKNOWN_BAN', 'ok', 'UNKNOWN_BAN', 'ok', 'UNKNOWN_BAN'])
    t.strictSame(verdicts(await b.commit(permit(ban))), ['UNKNOWN_BAN'])
    const { position, bans } = await b.catchUp()
    t.equal(position.offset, 2)
    t.strictSame(bans, [])
  })

  await check('of many who lift a ban at once one does', async (t, room) => {
    const nodes = await room.three()
    const ban = banOf('Ana')
    await nodes[0].done(forbid(ban))
    const outcomes = await Promise.all(nodes.map((node) => node.commit(permit(ban))))
    t.strictSame(verdicts(outcomes.flat()).toSorted(), ['UNKNOWN_BAN', 'UNKNOWN_BAN', 'ok'])
  })

  await check('a ban that is over is gone', async (t, room) => {
    const [a, b] = await room.two()
    const stays = banOf('Beto')
    const ends = banOf('Ana', { expiresAt: Date.now() + 50 })
    await a.done(forbid(ends), forbid(stays))
    for (const { backplane } of [a, b])
      await until('its end', async () => (await backplane.snapshot()).bans.length === 1)
    t.strictSame((await b.backplane.snapshot()).bans, [stays])
    t.strictSame(verdicts(await b.commit(permit(ends))), ['UNKNOWN_BAN'])
    await a.catchUp()
    t.strictSame(foldOf(a), [stays])
    t.strictSame((await room.node()).snapshot.bans, [stays])
  })

  await check('there are only so many bans', async (t, room) => {
    const [a, b] = await room.two()
    const bans = crowd()
    await a.done(...bans.map(forbid))
    const [first = banOf('nobody'), second = banOf('nobody')] = bans
    const more = [banOf('1'), banOf('2'), banOf('3')]
    const tries = () => more.map(forbid)
    t.strictSame(verdicts(await b.commit(...tries())), Array(3).fill('TOO_MANY_BANS'))
    t.strictSame(verdicts(await b.commit(join(person('Ana')), announce('hola'))), ['ok', 'ok'])
    await b.done(permit(first))
    t.strictSame(verdicts(await b.commit(...tries())), ['ok', 'TOO_MANY_BANS', 'TOO_MANY_BANS'])
    const [one = first, two = first] = more
    const outcomes = await a.commit(forbid(two), permit(one), forbid(two), forbid(one), permit(second))
    t.strictSame(verdicts(outcomes), ['TOO_MANY_BANS', 'ok', 'ok', 'TOO_MANY_BANS', 'ok'])
    const { bans: kept } = await b.catchUp()
    const expected = [...bans.slice(2), two]
    t.equal(idsOf(kept), idsOf(expected))
    t.equal(idsOf(foldOf(b)), idsOf(expected))
  })

  await check('bans that are over do not count among them', async (t, room) => {
    const [a, b] = await room.two()
    const over = { expiresAt: Date.now() - 1 }
    const last = { expiresAt: Date.now() + 3_600_000 }
    await a.done(...crowd(banOf('1', over), banOf('2', over), banOf('3', last)).map(forbid))
    const more = [banOf('4'), banOf('5'), banOf('6')]
    t.strictSame(verdicts(await b.commit(...more.map(forbid))), ['ok', 'ok', 'TOO_MANY_BANS'])
    t.equal((await b.backplane.snapshot()).bans.length, MAX_BANS)
  })
}
