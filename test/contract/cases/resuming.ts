import type { Check } from '../check.js'
import {
  changeStatus,
  type ExtendedPerson,
  hold,
  join,
  leave,
  newSecret,
  type Person,
  person,
  resume,
  say,
  under,
  whisper,
} from '../people.js'
import { last, type TestNode, verdicts } from '../room.js'

/** What somebody's old session may try. */
const acts = (who: Person) => [
  say(who),
  changeStatus(who, 'ACTIVO'),
  whisper(who, 'Ana'),
  hold(who),
  leave(who),
]

async function inboxOf({ backplane }: TestNode, secretHash: string) {
  const [inbox] = await backplane.inboxes([{ secretHash, after: 0 }])
  return inbox
}

export async function resuming(check: Check): Promise<void> {
  for (const [which, isHeld] of [
    ['that is held', true],
    ['whose connection still hangs', false],
  ] as const)
    for (const [where, index] of [
      ['on its node', 0],
      ['on another node', 1],
    ] as const)
      await check(`a session ${which} is taken up ${where}`, async (t, room) => {
        const nodes = await room.two()
        const [a, b] = nodes
        const node = nodes[index]
        const old = await a.enterExtended('Ana')
        await a.enter('Beto')
        await a.done(changeStatus(old, 'OCUPADO'), whisper(old, 'Ana'))
        if (isHeld) await a.done(hold(old))
        const was = await a.presenceOf(old)
        const before = await b.catchUp()
        const fresh = person('ANA')
        const more = { ip: '203.0.113.9', connectedAt: 9, at: 12 }
        const [position] = await node.done(resume(fresh, old.secret, more))
        const { held: _, ...present } = was
        const { ip, connectedAt, at } = more
        const presence = { ...present, ...fresh, ip, connectedAt, node: node.id }
        const { users } = await b.catchUp()
        await a.catchUp()
        for (const { log } of nodes)
          t.strictSame(
            log.slice(before.position.offset),
            [{ kind: 'joined', position, presence, fresh: false, at }],
            'and nothing else is told',
          )
        t.strictSame(users, [presence, before.users[1]])
        for (const reader of nodes) {
          t.strictSame(reader.present(), users)
          t.strictSame(verdicts(await reader.commit(...acts(old))), Array(5).fill('FENCED'))
        }
        t.match(await inboxOf(b, old.secret), [{ seq: 1 }])
        const outcomes = await node.commit(say(fresh), changeStatus(fresh, 'ACTIVO'), whisper(fresh, 'Beto'))
        t.strictSame(verdicts(outcomes), ['ok', 'ok', 'ok'])
        const sessions = new Map((await b.backplane.nodes()).map(({ id, sessions }) => [id, sessions]))
        t.strictSame([sessions.get(a.id), sessions.get(b.id)], index === 0 ? [2, 0] : [1, 1])
      })

  await check('it is taken up as often as its connection breaks', async (t, room) => {
    const nodes = await room.three()
    let ana = await nodes[0].enterExtended('Ana')
    for (const node of [...nodes, ...nodes]) {
      const before = ana
      ana = await node.takeUp(ana)
      t.strictSame(verdicts(await node.commit(say(ana), say(before))), ['ok', 'FENCED'])
      if (node === nodes[1]) await node.done(hold(ana))
    }
    const { users } = await nodes[0].catchUp()
    t.match(users, [{ session: ana.session, order: 1, node: nodes[2].id }])
    t.equal(users.length, 1)
  })

  await check('without its secret nobody takes a session up, and nothing is told', async (t, room) => {
    const nodes = await room.two()
    const [a, b] = nodes
    const ana = await a.enterExtended('Ana')
    const beto = await a.enterExtended('Beto')
    const carla = await a.enter('Carla')
    const gone = [await a.enterExtended('Dora'), await a.enterExtended('Eva')] as const
    await a.done(hold(ana), leave(gone[0]), leave(gone[1]))
    await b.enterExtended('Dora')
    const { position } = await b.catchUp()
    const tries = [
      resume(person('Ana'), newSecret()),
      resume(person('Ana'), beto.secret),
      resume(person('Beto'), ana.secret),
      resume(person('Carla'), ana.secret),
      resume(person('Carla'), newSecret()),
      resume(person('Nadie'), ana.secret),
      resume(person('Dora'), gone[0].secret),
      resume(person('Eva'), gone[1].secret),
    ]
    for (const node of nodes)
      t.strictSame(
        verdicts(await node.commit(...tries)),
        tries.map(() => 'SESSION_LOST'),
      )
    t.strictSame((await b.backplane.snapshot()).position, position)
    t.strictSame(verdicts(await a.commit(say(beto), say(carla))), ['ok', 'ok'])
  })

  await check('a session that is there already is not taken up by itself', async (t, room) => {
    const [a] = await room.two()
    const ana = await a.enterExtended('Ana')
    t.strictSame(verdicts(await a.commit(resume(ana, ana.secret))), ['UNCHANGED'])
  })

  for (const isHeld of [true, false])
    await check(
      `a session ${isHeld ? 'that is held' : 'that hangs'} gives its place to another that knows its secret, and is over`,
      async (t, room) => {
        const [a, b] = await room.two()
        const old = await a.enterExtended('Ana')
        await a.enter('Beto')
        await a.done(changeStatus(old, 'OCUPADO'), under('r', say(old)), whisper(old, 'Ana', 'old'))
        if (isHeld) await a.done(hold(old))
        const was = await a.presenceOf(old)
        const [fresh, secretHash] = [person('Ana'), newSecret()]
        await b.done(resume(fresh, old.secret, { secretHash }))
        const { held: _, ...present } = was
        t.strictSame(await a.presenceOf(fresh), { ...present, session: fresh.session, node: b.id })
        await a.catchUp()
        t.match(last(a.log), { kind: 'joined', fresh: false })
        t.strictSame([await inboxOf(b, old.secret), await inboxOf(b, secretHash)], ['lost', []])
        const tries = [resume(person('Ana'), old.secret), ...acts(old)]
        t.strictSame(verdicts(await a.commit(...tries)), ['SESSION_LOST', ...Array(5).fill('FENCED')])
        t.match(await b.commit(under('r', say(fresh))), [{ ok: true, repeated: undefined }])
        await b.done(whisper(fresh, 'Ana', 'new'))
        t.match(await inboxOf(a, secretHash), [{ seq: 1 }])
        const again: ExtendedPerson = await a.takeUp({ ...fresh, secret: secretHash })
        t.match(await b.presenceOf(again), { node: a.id, status: 'OCUPADO' })
      },
    )

  await check('of two that take a session up at the same moment one owns it in the end', async (t, room) => {
    const [a, b] = await room.two()
    const names = Array.from({ length: 20 }, (_, index) => `name ${index}`)
    const old = await Promise.all(names.map((name) => a.enterExtended(name)))
    await a.done(...old.filter((_, index) => index % 2 === 0).map(hold))
    const tries = [a, b].map((node) => ({ node, people: names.map(person) }))
    const outcomes = await Promise.all(
      tries.map(({ node, people }) =>
        node.commit(...people.map((who, index) => resume(who, old[index]?.secret ?? ''))),
      ),
    )
    for (const each of outcomes) t.strictSame(new Set(verdicts(each)), new Set(['ok']))
    for (const [index, name] of names.entries()) {
      const speaking = await Promise.all(
        tries.map(({ node, people }) => node.commit(say(people[index] ?? person(name)))),
      )
      const each = verdicts(speaking.flat())
      t.strictSame(each.toSorted(), ['FENCED', 'ok'], name)
      const { node, people } = tries[each.indexOf('ok')] ?? {}
      const owner = people?.[index] ?? person(name)
      t.match(await a.presenceOf(owner), { session: owner.session, node: node?.id })
    }
    t.equal((await a.catchUp()).users.length, names.length)
  })

  await check(
    'of two that want a place with a secret of their own at the same moment one gets it',
    async (t, room) => {
      const [a, b] = await room.two()
      const names = Array.from({ length: 20 }, (_, index) => `name ${index}`)
      const old = await Promise.all(names.map((name) => a.enterExtended(name)))
      await a.done(...old.map(hold))
      const wants = () =>
        names.map((name, index) => {
          return resume(person(name), old[index]?.secret ?? '', { secretHash: newSecret() })
        })
      const [one, other] = await Promise.all([a.commit(...wants()), b.commit(...wants())])
      for (const [index, name] of names.entries()) {
        const each = verdicts([one, other].flatMap((outcomes) => outcomes[index] ?? []))
        t.strictSame(each.toSorted(), ['SESSION_LOST', 'ok'], name)
      }
    },
  )

  await check(
    'in one call a session enters, breaks off, is taken up, is written to, and leaves',
    async (t, room) => {
      const [a, b] = await room.two()
      const [first, second, third] = [person('Ana'), person('Ana'), person('Ana')]
      const [secretHash, other] = [newSecret(), newSecret()]
      const outcomes = await a.commit(
        join(first, { secretHash }),
        whisper(first, 'Ana', '1'),
        hold(first),
        say(first),
        join(second),
        resume(second, newSecret()),
        resume(second, secretHash),
        whisper(second, 'Ana', '2'),
        resume(third, secretHash, { secretHash: other }),
        whisper(second, 'Ana', '3'),
        whisper(third, 'Ana', '4'),
        resume(first, secretHash),
        hold(third),
      )
      const expected = ['ok', 'ok', 'ok', 'FENCED', 'NAME_TAKEN', 'SESSION_LOST', 'ok', 'ok', 'ok', 'FENCED']
      t.strictSame(verdicts(outcomes), [...expected, 'ok', 'SESSION_LOST', 'ok'])
      const { users } = await b.catchUp()
      t.strictSame(b.present(), users)
      t.match(users, [{ session: third.session, node: '', held: true }])
      t.equal(await inboxOf(b, secretHash), 'lost')
      t.match(await inboxOf(b, other), [{ seq: 1 }])
      t.strictSame(
        b.log.map((event) => (event.kind === 'joined' ? event.fresh : event.kind)),
        [true, 'held', false, false, 'held'],
      )
      const fourth = await a.takeUp({ ...third, secret: other })
      await a.done(whisper(fourth, 'Ana'), leave(fourth))
      t.equal(await inboxOf(b, other), 'lost')
      t.strictSame((await b.catchUp()).users, [])
      const fifth = person('Ana')
      const sixth = newSecret()
      await a.done(join(fifth, { secretHash: sixth }), whisper(fifth, 'Ana'), leave(fifth))
      t.equal(await inboxOf(b, sixth), 'lost')
      await a.catchUp()
      t.strictSame(
        a.sink.messages.map(({ session, seq }) => [session, seq]),
        [
          [first.session, 1],
          [second.session, 2],
          [third.session, 1],
          [fourth.session, 2],
          [fifth.session, 1],
        ],
      )
    },
  )

  await check(
    'who was held and is taken up in the call that holds it stays',
    async (t, room) => {
      const [a, b] = await room.two()
      const ana = await a.enterExtended('Ana')
      const again = person('Ana')
      await a.done(hold(ana), resume(again, ana.secret))
      const beto = await a.enterExtended('Beto')
      await a.done(hold(beto))
      await b.sink.until('the departure of Beto', () => b.log.some(({ kind }) => kind === 'left'))
      t.match(b.present(), [{ session: again.session, node: a.id }])
      const third = person('Ana')
      await b.done(resume(third, ana.secret), hold(third))
      await a.sink.until('her own', () => a.log.filter(({ kind }) => kind === 'left').length === 2)
      t.strictSame(a.present(), [])
    },
    { keptEvents: 1000, resumeGraceMs: 150 },
  )
}
