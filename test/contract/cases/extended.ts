import assert from 'node:assert/strict'
import type { Left } from '../../../src/room/events.js'
import { until } from '../../support/until.js'
import type { Check } from '../check.js'
import {
  accountText,
  changeStatus,
  claim,
  claimName,
  hold,
  join,
  leave,
  newSecret,
  own,
  type Person,
  person,
  remove,
  resume,
  say,
  tellsDeparture,
  under,
  whisper,
} from '../people.js'
import { last, type TestNode, type TestRoom, verdicts } from '../room.js'

/** Held for no longer than a moment. */
const SOON = { keptEvents: 1000, resumeGraceMs: 150 }
/** Not held at all. */
const NEVER = { keptEvents: 1000, resumeGraceMs: 0 }

/** All that the session of somebody may try. */
const acts = (who: Person) => [
  say(who),
  changeStatus(who, 'INACTIVO'),
  whisper(who, who.name),
  hold(who),
  leave(who),
]

const departures = ({ log }: TestNode): Left[] => log.filter((event) => event.kind === 'left')
const kinds = ({ log }: TestNode, start = 0) => log.slice(start).map(({ kind }) => kind)

/** Waits until a node was told that somebody has left. */
async function untilGone(node: TestNode, { session, name }: Person): Promise<void> {
  await node.sink.until(`the departure of ${name}`, () =>
    departures(node).some((left) => left.session === session),
  )
}

/** Ends a node's claim to be alive, and waits until it knows. */
async function lapse(room: TestRoom, node: TestNode): Promise<void> {
  await room.sweep(node)
  await node.sink.until('that it lapsed', (told) => told.some(({ kind }) => kind === 'lapsed'))
}

async function isLost(node: TestNode, secretHash: string): Promise<boolean> {
  const [inbox] = await node.backplane.inboxes([{ secretHash, after: 0 }])
  return inbox === 'lost'
}

export async function extended(check: Check): Promise<void> {
  await check(
    'whoever enters with extensions is known to have them, and what is kept of his secret is told nobody',
    async (t, room) => {
      const [a, b] = await room.two()
      const [ana, secretHash] = [person('Ana'), newSecret()]
      const entering = join(ana, { secretHash, at: 77 })
      const [where] = await a.done(entering)
      const beto = await a.enter('Beto', { connectedAt: 5 })
      const { kind: _, secretHash: __, at: ___, ...shown } = entering
      const presence = { ...shown, node: a.id, order: 1, extended: true }
      const snapshot = await b.catchUp()
      t.strictSame(b.log[0], { kind: 'joined', position: where, presence, fresh: true, at: 77 })
      t.match(b.log[1], { presence: { session: beto.session, extended: undefined }, fresh: true, at: 5 })
      t.strictSame(snapshot.users[0], presence)
      t.strictSame(await b.presenceOf(ana), presence)
      const slice = await b.backplane.read(b.snapshot.position, 10)
      t.notMatch(JSON.stringify([a.sink.told, b.sink.told, snapshot, slice]), secretHash)
    },
  )

  await check('whoever enters again where nobody is there is fresh', async (t, room) => {
    const node = await room.node()
    const ana = await node.enterExtended('Ana')
    await node.done(leave(ana))
    await node.enterExtended('Ana')
    await node.catchUp()
    t.match(node.log, [{ fresh: true }, { kind: 'left' }, { fresh: true }])
  })

  await check('who is held stays where he was, as he was, on no node', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enterExtended('Ana')
    const beto = await a.enter('Beto')
    await a.done(changeStatus(ana, 'OCUPADO'))
    const was = await a.presenceOf(ana)
    const [where] = await a.done(hold(ana))
    const held = { ...was, node: '', held: true }
    const { users } = await b.catchUp()
    await a.catchUp()
    for (const node of [a, b]) {
      const { key, session } = ana
      t.strictSame(last(node.log), { kind: 'held', position: where, key, session })
      t.strictSame(node.present(), users)
      t.strictSame(await node.presenceOf(ana), held)
    }
    t.strictSame(users, [held, await a.presenceOf(beto)])
    const sessions = new Map((await b.backplane.nodes()).map(({ id, sessions }) => [id, sessions]))
    t.strictSame(sessions.get(a.id), 1, 'and counts for none')
  })

  await check('who is held acts no more, and his name stays taken', async (t, room) => {
    const nodes = await room.two()
    const [a, b] = nodes
    const ana = await a.enterExtended('Ana')
    await a.done(hold(ana))
    const { position } = await b.catchUp()
    for (const node of nodes) {
      t.strictSame(verdicts(await node.commit(...acts(ana))), Array(5).fill('FENCED'))
      const others = [join(person('ANA')), join(person('Ana'), { secretHash: newSecret() })]
      t.strictSame(verdicts(await node.commit(...others, claimName(person('Ana'), 'a1'))), [
        ...others.map(() => 'NAME_TAKEN'),
        'NAME_TAKEN',
      ])
    }
    t.strictSame((await b.backplane.snapshot()).position, position, 'nothing has happened')
  })

  await check('nobody is held but by the node and the session that own the name', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enterExtended('Ana')
    t.strictSame(verdicts(await b.commit(hold(ana))), ['FENCED'])
    t.strictSame(verdicts(await a.commit(hold(person('Ana')), hold(person('Nadie')))), ['FENCED', 'FENCED'])
    t.strictSame(verdicts(await a.commit(say(ana))), ['ok'])
  })

  await check('he keeps his account, and it has no end while he is held', async (t, room) => {
    const [a, b] = await room.two()
    const ana = person('Ana')
    const [secretHash, account] = [newSecret(), 'a1']
    await a.done({ ...claimName(ana, account), secretHash }, hold(ana))
    t.match(await b.presenceOf(ana), { account, held: true })
    const kept = await b.store.list('account', '', 10)
    t.strictSame(kept, [{ key: ana.key, value: accountText(account) }])
    const again = person('Ana')
    await b.done(resume(again, secretHash))
    t.match(await a.presenceOf(again), { account, session: again.session })
    t.strictSame(await b.store.list('account', '', 10), kept)
  })

  await check(
    'a sweep holds those who have extensions, and shows out the others, each once',
    async (t, room) => {
      const [a, b] = await room.two()
      const ana = await a.enterExtended('Ana')
      const beto = await a.enter('Beto')
      const carla = await a.enterExtended('Carla')
      const dora = await b.enterExtended('Dora')
      const before = await b.catchUp()
      await lapse(room, a)
      await untilGone(b, beto)
      const { users } = await b.catchUp()
      const [first, , third, fourth] = before.users
      const held = [first, third].map((user) => ({ ...user, node: '', held: true }))
      t.strictSame(users, [...held, fourth])
      t.strictSame(b.present(), users)
      t.strictSame(kinds(b, 4).sort(), ['held', 'held', 'left'])
      t.strictSame(verdicts(await a.commit(...acts(ana), ...acts(carla))), Array(10).fill('FENCED'))
      t.strictSame(verdicts(await b.commit(say(dora))), ['ok'])
    },
  )

  await check('a node that closes leaves its extended sessions held', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enterExtended('Ana')
    const beto = await a.enter('Beto')
    await a.backplane.close()
    await untilGone(b, beto)
    await until('she is held', async () => (await b.presenceOf(ana)).held === true)
    const again = await b.takeUp(ana)
    t.match(await b.presenceOf(again), { node: b.id, held: undefined })
  })

  await check(
    'a node that was swept claims its extended sessions again, with all that is kept for them',
    async (t, room) => {
      const [a, b] = await room.two()
      const ana = await a.enterExtended('Ana', { at: 3 })
      const beto = await b.enterExtended('Beto')
      await a.done(changeStatus(ana, 'OCUPADO'), under('r', say(ana)))
      await b.done(whisper(beto, 'Ana', 'before'))
      const was = await a.presenceOf(ana)
      await lapse(room, a)
      await b.done(whisper(beto, 'Ana', 'meanwhile'))
      const entering = { ...claim(was), secretHash: ana.secret, at: 9 }
      const [where] = await a.done(entering)
      const presence = { ...was, node: a.id }
      await b.catchUp()
      t.strictSame(last(b.log), { kind: 'joined', position: where, presence, fresh: false, at: 9 })
      t.strictSame(await b.presenceOf(ana), presence)
      const [inbox] = await a.backplane.inboxes([{ secretHash: ana.secret, after: 0 }])
      t.match(inbox, [{ seq: 1 }, { seq: 2 }])
      t.match(await a.commit(under('r', say(ana))), [{ ok: true, repeated: true }])
      t.strictSame(verdicts(await a.commit(entering)), ['UNCHANGED'])
    },
  )

  await check(
    'who was swept does not get back a session that somebody has taken up elsewhere, or that is over',
    async (t, room) => {
      const [a, b] = await room.two()
      const people = [await a.enterExtended('Ana'), await a.enterExtended('Beto')] as const
      const [ana, beto] = people
      const was = await Promise.all(people.map((who) => a.presenceOf(who)))
      await lapse(room, a)
      await until('both are held', async () => (await b.presenceOf(beto)).held === true)
      await b.takeUp(ana)
      await b.done(remove(beto))
      const claims = was.map((presence, index) => {
        return { ...claim(presence), secretHash: people[index]?.secret ?? '' }
      })
      t.strictSame(verdicts(await a.commit(...claims)), ['NAME_TAKEN', 'SESSION_LOST'])
      t.equal(await b.backplane.find(beto.key), undefined)
    },
  )

  await check(
    'who was held for long enough leaves, and everyone is told once',
    async (t, room) => {
      const [a, b] = await room.two()
      const ana = await a.enterExtended('Ana')
      const beto = await a.enterExtended('Beto')
      await a.done(whisper(beto, 'Ana'), hold(ana))
      for (const node of [a, b]) await untilGone(node, ana)
      t.equal(await a.backplane.find(ana.key), undefined)
      t.strictSame(verdicts(await b.commit(resume(person('Ana'), ana.secret))), ['SESSION_LOST'])
      t.ok(await isLost(b, ana.secret))
      // Another is held and leaves: by then nothing more can come of the first.
      await b.enter('Ana')
      await a.done(hold(beto))
      for (const node of [a, b]) {
        await untilGone(node, beto)
        const [first, second, ...others] = departures(node)
        t.strictSame(others, [])
        t.match(first, { key: ana.key, session: ana.session })
        t.ok(tellsDeparture(Buffer.from(first?.frame ?? '').toString(), 'Ana'))
        t.match(second, { key: beto.key, session: beto.session })
        t.match(node.present(), [{ name: 'Ana', held: undefined }])
      }
    },
    SOON,
  )

  await check(
    'who is taken up again in time does not leave, and has the whole time again when it is held again',
    async (t, room) => {
      const [a, b] = await room.two()
      const ana = await a.enterExtended('Ana')
      const beto = await a.enterExtended('Beto')
      const carla = await a.enterExtended('Carla')
      await a.done(hold(ana))
      const again = await b.takeUp(ana)
      await a.done(hold(beto))
      await untilGone(b, beto)
      await b.done(say(again))
      await b.done(hold(again))
      await a.done(hold(carla))
      for (const who of [again, carla]) await untilGone(a, who)
      t.match(departures(a)[0], { session: beto.session })
      t.equal(departures(a).length, 3)
      t.strictSame(a.present(), [])
    },
    SOON,
  )

  await check(
    'a claim comes too late for who has left meanwhile',
    async (t, room) => {
      const [a, b] = await room.two()
      const ana = await a.enterExtended('Ana')
      const was = await a.presenceOf(ana)
      await lapse(room, a)
      await untilGone(b, ana)
      const back = { ...claim(was), secretHash: ana.secret }
      t.strictSame(verdicts(await a.commit(back, say(ana))), ['SESSION_LOST', 'FENCED'])
    },
    SOON,
  )

  await check(
    'where nobody is held a sweep shows everyone out, and who breaks off leaves',
    async (t, room) => {
      const [a, b] = await room.two()
      const ana = await a.enterExtended('Ana')
      const beto = await b.enterExtended('Beto')
      await lapse(room, a)
      await untilGone(b, ana)
      t.ok(await isLost(b, ana.secret))
      await b.done(hold(beto))
      await untilGone(b, beto)
      t.strictSame(kinds(b, 2), ['left', 'held', 'left'])
    },
    NEVER,
  )

  await check('an operator removes who is held, for good', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enterExtended('Ana')
    await a.done(hold(ana))
    await b.done(remove(ana))
    await a.catchUp()
    const { key, session } = ana
    t.match(last(a.log), { kind: 'removed', key, session })
    t.strictSame(a.present(), [])
    t.strictSame(verdicts(await a.commit(resume(person('Ana'), ana.secret), remove(ana))), [
      'SESSION_LOST',
      'FENCED',
    ])
    t.ok(await isLost(a, ana.secret))
    t.strictSame(verdicts(await a.commit(join(person('Ana')))), ['ok'])
  })

  await check(
    'who was held and removed does not leave once more',
    async (t, room) => {
      const [a, b] = await room.two()
      const ana = await a.enterExtended('Ana')
      const beto = await a.enterExtended('Beto')
      await a.done(hold(ana))
      await b.done(remove(ana), join(person('Ana')))
      await a.done(hold(beto))
      await untilGone(b, beto)
      t.strictSame(kinds(b, 2), ['held', 'removed', 'joined', 'held', 'left'])
    },
    SOON,
  )

  for (const [what, held] of [
    ['held', true],
    ['connected', false],
  ] as const)
    await check(
      `the owner of a name takes over his session that is ${what}, and ends it`,
      async (t, room) => {
        const [a, b] = await room.two()
        for (const [name, secretHash] of [['Ana', undefined] as const, ['Beto', newSecret()] as const]) {
          const [old, secret] = [person(name), newSecret()]
          await a.done({ ...claimName(old, 'a1'), secretHash: secret }, changeStatus(old, 'OCUPADO'))
          await a.done(whisper(old, name), under('r', say(old)))
          const was = await a.presenceOf(old)
          if (held) await a.done(hold(old))
          const fresh = person(name)
          await b.done({ ...own(fresh, 'a1'), ...(secretHash !== undefined && { secretHash }) })
          const { extended: _, ...plain } = was
          const kept = secretHash === undefined ? plain : was
          t.strictSame(await a.presenceOf(fresh), { ...kept, session: fresh.session, node: b.id })
          await a.catchUp()
          t.match(last(a.log), { kind: 'joined', fresh: false })
          t.ok(await isLost(b, secret))
          t.strictSame(verdicts(await a.commit(resume(person(name), secret))), ['SESSION_LOST'])
          t.strictSame(verdicts(await a.commit(...acts(old))), Array(5).fill('FENCED'))
          t.match(await b.commit(under('r', say(fresh))), [{ ok: true, repeated: undefined }])
          assert.equal(departures(a).length, 0)
        }
      },
    )

  await check(
    'whoever takes over who is held is not shown out in his place',
    async (t, room) => {
      const [a, b] = await room.two()
      const old = person('Ana')
      await a.done({ ...claimName(old, 'a1'), secretHash: newSecret() })
      const beto = await a.enterExtended('Beto')
      await a.done(hold(old))
      const fresh = person('Ana')
      await b.done(own(fresh, 'a1'))
      await a.done(hold(beto))
      await untilGone(b, beto)
      t.equal(departures(b).length, 1)
      t.strictSame(verdicts(await b.commit(say(fresh))), ['ok'])
    },
    SOON,
  )
}
