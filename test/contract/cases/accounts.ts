import { ACCOUNTS } from '../../../src/room/accounts.js'
import type { AccountId, Presence } from '../../../src/room/events.js'
import { until } from '../../support/until.js'
import type { Check } from '../check.js'
import {
  accountText,
  changeStatus,
  claim,
  claimName,
  frameOf,
  join,
  leave,
  own,
  type Person,
  person,
  remove,
  say,
  whisper,
} from '../people.js'
import { last, type TestNode, verdicts } from '../room.js'

/** Soon over. */
const SOON = { keptEvents: 1000, accountTtlMs: 60 }

/** Has somebody new enter who claims the name. */
async function founder(node: TestNode, name: string, account: AccountId): Promise<Person> {
  const someone = person(name)
  await node.done(claimName(someone, account))
  return someone
}

const accountOf = ({ store }: TestNode, { key }: Person) => store.get(ACCOUNTS, key)

/** When an account is forgotten, by one node; undefined where it is kept for good. */
async function endOf({ store }: TestNode, { key }: Person): Promise<number | undefined> {
  const all = await store.list(ACCOUNTS, '', 100)
  const account = all.find((stored) => stored.key === key)
  if (account === undefined) throw new Error(`nothing is kept of ${key}`)
  return account.expiresAt
}

/** Ends a node's claim to be alive, and waits until it knows. */
async function lapse(room: { sweep(node: TestNode): Promise<void> }, node: TestNode): Promise<void> {
  const before = lapses(node)
  await room.sweep(node)
  await node.sink.until('that it lapsed', () => lapses(node) > before)
}
const lapses = ({ sink }: TestNode) => sink.told.filter(({ kind }) => kind === 'lapsed').length

/** An owner as a node that was swept would remember him. */
function remembered(who: Person, { id }: TestNode): Presence {
  return { ...who, node: id, ip: '192.0.2.1', status: 'ACTIVO', connectedAt: 1, order: 1, account: 'a1' }
}

/** Everything that an old session may try. */
const acts = (who: Person) => [
  say(who),
  changeStatus(who, 'OCUPADO'),
  changeStatus(who, 'ACTIVO'),
  whisper(who, who.name),
  leave(who),
]

export async function accounts(check: Check): Promise<void> {
  await check('who claims a name enters, and what he proposed is kept for all nodes', async (t, room) => {
    const [a, b] = await room.two()
    const ana = person('Ana')
    const entering = claimName(ana, 'a1')
    const where = last(await a.done(entering))
    await b.sink.reach(where)
    const { kind: _, claim: __, ...shown } = entering
    const presence = { ...shown, node: a.id, order: 1 }
    const at = entering.connectedAt
    const event = { kind: 'joined', position: where, presence, fresh: true, at }
    t.strictSame(b.log, [event], 'his secret is not told')
    t.strictSame((await b.backplane.snapshot()).users, [presence])
    for (const node of [a, b]) {
      t.equal(await accountOf(node, ana), entering.claim)
      t.strictSame(await node.store.list(ACCOUNTS, '', 10), [{ key: ana.key, value: entering.claim }])
    }
  })

  await check('any text is kept of an account as it is', async (t, room) => {
    const [a, b] = await room.two()
    for (const [index, rest] of ['', ' ', '{"a": "ñ 🦊"}', 'x'.repeat(2000)].entries()) {
      const who = person(`Ñandú ${index}`)
      await a.done(join(who, { account: `a${index}`, claim: `a${index} ${rest}` }))
      t.equal(await accountOf(b, who), `a${index} ${rest}`)
      t.equal((await b.presenceOf(who)).account, `a${index}`)
      t.strictSame(verdicts(await b.commit(own(person(who.name), `a${index}`))), ['ok'])
    }
  })

  await check('guests are refused a claimed name, whether its owner is there or not', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await founder(a, 'Ana', 'a1')
    const guests = () => [join(person('Ana')), join(person('ANA'))]
    for (const node of [a, b])
      t.strictSame(verdicts(await node.commit(...guests())), ['NAME_CLAIMED', 'NAME_CLAIMED'])
    await a.done(leave(ana))
    for (const node of [a, b])
      t.strictSame(verdicts(await node.commit(...guests())), ['NAME_CLAIMED', 'NAME_CLAIMED'])
    t.equal(await b.backplane.find(ana.key), undefined)
  })

  await check('a name that a guest has cannot be claimed, and nothing is kept of it', async (t, room) => {
    const [a, b] = await room.two()
    const guest = await a.enter('Ana')
    for (const node of [a, b]) {
      t.strictSame(verdicts(await node.commit(claimName(person('Ana'), 'a1'))), ['NAME_TAKEN'])
      t.equal(await accountOf(node, guest), undefined)
    }
    t.strictSame(verdicts(await a.commit(say(guest))), ['ok'], 'he stays')
    await a.done(leave(guest))
    t.strictSame(verdicts(await b.commit(claimName(person('Ana'), 'a2'))), ['ok'])
    t.equal(await accountOf(a, guest), accountText('a2'))
  })

  await check('of many who claim one name at once exactly one gets it', async (t, room) => {
    const nodes = await room.three()
    const names = Array.from({ length: 25 }, (_, index) => `name ${index}`)
    const tries = nodes.map((node, index) => ({ node, account: `a${index}`, people: names.map(person) }))
    const outcomes = await Promise.all(
      tries.map(({ node, account, people }) => node.commit(...people.map((who) => claimName(who, account)))),
    )
    for (const [index, name] of names.entries()) {
      const each = verdicts(outcomes.flatMap((one) => one[index] ?? []))
      t.strictSame(each.toSorted(), ['ACCOUNT_CHANGED', 'ACCOUNT_CHANGED', 'ok'], name)
      const { node, account = '', people } = tries[each.indexOf('ok')] ?? {}
      const winner = people?.[index] ?? person('nobody')
      t.match(await nodes[0].presenceOf(winner), { session: winner.session, node: node?.id, account })
      t.equal(await accountOf(nodes[1], winner), accountText(account))
    }
  })

  await check('the owner enters again, from any node', async (t, room) => {
    const [a, b] = await room.two()
    const first = await founder(a, 'Ana', 'a1')
    await a.done(leave(first))
    const second = person('ANA')
    await b.done(own(second, 'a1'), say(second))
    t.match(await a.presenceOf(second), { name: 'ANA', session: second.session, node: b.id, account: 'a1' })
    t.equal(await accountOf(a, second), accountText('a1'))
  })

  for (const [where, other] of [
    ['on the same node', 0],
    ['from another node', 1],
  ] as const) {
    await check(`the owner takes himself over ${where}, and keeps order and status`, async (t, room) => {
      const nodes = await room.two()
      const [a, b] = nodes
      const node = nodes[other]
      const old = await founder(a, 'Ana', 'a1')
      await a.enter('Beto')
      await a.done(changeStatus(old, 'OCUPADO'))
      const before = await b.catchUp()
      const fresh = person('ANA')
      const more = { account: 'a1', ip: '203.0.113.9', connectedAt: 9 }
      const where = last(await node.done(join(fresh, more)))
      t.equal(where.offset, before.position.offset + 1)
      const { users } = await b.catchUp()
      const [was] = before.users
      const now = { ...was, ...fresh, ...more, node: node.id }
      t.strictSame(users, [now, before.users[1]])
      await a.catchUp()
      const event = { kind: 'joined', position: where, presence: now, fresh: false, at: more.connectedAt }
      for (const { log } of nodes) t.strictSame(log.slice(3), [event], 'nothing else')
      for (const reader of nodes) t.strictSame(reader.present(), users)
    })

    await check(`${where}, the session that was taken over acts no more`, async (t, room) => {
      const nodes = await room.two()
      const [a, b] = nodes
      const node = nodes[other]
      const old = await founder(a, 'Ana', 'a1')
      const beto = await b.enter('Beto')
      const fresh = person('Ana')
      await node.done(own(fresh, 'a1'))
      for (const one of nodes) {
        t.strictSame(verdicts(await one.commit(...acts(old))), Array(5).fill('FENCED'))
        t.strictSame(verdicts(await one.commit(remove(old))), ['FENCED'])
      }
      t.strictSame(verdicts(await a.commit(claim(remembered(old, a)))), ['NAME_TAKEN'])
      const letter = whisper(beto, 'Ana')
      await b.done(letter)
      t.strictSame(verdicts(await node.commit(say(fresh), changeStatus(fresh, 'INACTIVO'))), ['ok', 'ok'])
      await node.sink.until('the letter', () => node.sink.messages.length === 1)
      t.match(node.sink.messages.map(frameOf), [frameOf(letter)])
      t.match(node.sink.messages, [{ session: fresh.session }])
      t.equal(await accountOf(b, fresh), accountText('a1'))
      t.equal(await endOf(b, fresh), undefined)
    })
  }

  await check('sessions that were taken over count for their new node alone', async (t, room) => {
    const [a, b] = await room.two()
    await founder(a, 'Ana', 'a1')
    await a.enter('Beto')
    await b.done(own(person('Ana'), 'a1'))
    const sessions = new Map((await b.backplane.nodes()).map(({ id, sessions }) => [id, sessions]))
    t.strictSame([sessions.get(a.id), sessions.get(b.id)], [1, 1])
  })

  await check('a node that is swept takes nobody with it who was taken over', async (t, room) => {
    const [a, b] = await room.two()
    const beto = await a.enter('Beto')
    const old = await founder(a, 'Ana', 'a1')
    const fresh = person('Ana')
    await b.done(own(fresh, 'a1'))
    await lapse(room, a)
    await b.sink.until('the departure', () => b.log.some(({ kind }) => kind === 'left'))
    const { users } = await b.catchUp()
    t.match(users, [{ session: fresh.session, node: b.id }])
    const left = b.log.filter((event) => event.kind === 'left')
    t.match(left, [{ session: beto.session }])
    t.equal(left.length, 1)
    t.strictSame(verdicts(await b.commit(say(fresh))), ['ok'])
    t.strictSame(verdicts(await a.commit(...acts(old))), Array(5).fill('FENCED'))
    t.equal(await endOf(b, fresh), undefined, 'and his account is kept for good')
  })

  await check('whoever is not the owner, by his account, changes nothing', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await founder(a, 'Ana', 'a1')
    const eva = await founder(a, 'Eva', 'e1')
    await a.done(leave(eva))
    const before = await b.catchUp()
    const tries = [
      own(person('Ana'), 'a2'),
      own(person('Ana'), 'a'),
      own(person('Ana'), 'a12'),
      own(person('Ana'), 'e1'),
      own(person('Eva'), 'a1'),
      own(person('Nadie'), 'a1'),
      claimName(person('Ana'), 'a2'),
      claimName(person('Ana'), 'a1'),
      claimName(person('Eva'), 'e2'),
    ]
    for (const node of [a, b])
      t.strictSame(
        verdicts(await node.commit(...tries)),
        tries.map(() => 'ACCOUNT_CHANGED'),
      )
    t.strictSame(await b.backplane.snapshot(), before)
    t.equal(await accountOf(b, ana), accountText('a1'))
    t.equal(await accountOf(b, eva), accountText('e1'))
    t.equal(await accountOf(b, person('Nadie')), undefined)
  })

  await check('nobody takes over whom he is not', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await founder(a, 'Ana', 'a1')
    const beto = await a.enter('Beto')
    for (const { key } of [ana, beto]) {
      await a.store.delete(ACCOUNTS, key)
      await a.store.putIfAbsent(ACCOUNTS, key, accountText('a2'))
    }
    const tries = ['Ana', 'Beto'].map((name) => own(person(name), 'a2'))
    for (const node of [a, b])
      t.strictSame(verdicts(await node.commit(...tries)), ['NAME_TAKEN', 'NAME_TAKEN'])
    t.strictSame(verdicts(await a.commit(say(ana), say(beto))), ['ok', 'ok'])
  })

  await check('an owner who was swept claims his place again', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await founder(a, 'Ana', 'a1')
    await a.enter('Beto')
    await a.done(changeStatus(ana, 'OCUPADO'))
    const { users } = await b.catchUp()
    await lapse(room, a)
    t.ok(await endOf(b, ana), 'while he is away his account has an end')
    t.strictSame(verdicts(await b.commit(join(person('Ana')))), ['NAME_CLAIMED'])
    await a.done(...users.map(claim))
    const again = users.map((user) => ({ ...user, node: a.id }))
    t.strictSame((await b.catchUp()).users, again)
    t.equal(again[0]?.account, 'a1')
    t.equal(await endOf(b, ana), undefined, 'and now it has none')
    t.equal(await accountOf(b, ana), accountText('a1'))
  })

  await check('he does so also when his account was deleted meanwhile', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await founder(a, 'Ana', 'a1')
    const was = await a.presenceOf(ana)
    await lapse(room, a)
    await b.store.delete(ACCOUNTS, ana.key)
    t.strictSame(verdicts(await a.commit(claim(was), say(ana))), ['ok', 'ok'])
    t.strictSame(await b.presenceOf(ana), { ...was, node: a.id })
    t.equal(await accountOf(b, ana), undefined, 'which does not bring it back')
  })

  await check('nobody who was swept gets back what another has claimed', async (t, room) => {
    const [a, b] = await room.two()
    const people = [await founder(a, 'Ana', 'a1'), await founder(a, 'Beto', 'b1'), await a.enter('Carla')]
    const { users } = await b.catchUp()
    await lapse(room, a)
    for (const { key } of people) await b.store.delete(ACCOUNTS, key)
    const others = [person('Ana'), person('Beto'), person('Carla')]
    await b.done(...others.map((who) => claimName(who, 'other')))
    await b.done(...others.slice(1).map(leave))
    t.strictSame(verdicts(await a.commit(...users.map(claim))), Array(3).fill('NAME_TAKEN'))
    t.strictSame(
      (await b.catchUp()).users.map(({ session }) => session),
      [others[0]?.session],
    )
    for (const who of others) t.equal(await accountOf(a, who), accountText('other'))
  })

  await check('who was swept does not get back what he took over elsewhere meanwhile', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await founder(a, 'Ana', 'a1')
    const was = await a.presenceOf(ana)
    await lapse(room, a)
    const fresh = person('Ana')
    await b.done(own(fresh, 'a1'))
    t.strictSame(verdicts(await a.commit(claim(was))), ['NAME_TAKEN'])
    t.match(await a.presenceOf(fresh), { session: fresh.session, node: b.id })
  })

  await check(
    'the account of who left, was removed or was swept ends, and that of who is present does not',
    async (t, room) => {
      const [a, b] = await room.two()
      const dora = await founder(b, 'Dora', 'd1')
      const eva = await founder(b, 'Eva', 'e1')
      const again = person('Dora')
      // These two had an end already, or would have one if they were not here.
      await b.done(leave(dora), own(again, 'd1'), own(person('Eva'), 'e1'))
      const gone = [
        await founder(a, 'Ana', 'a1'),
        await founder(a, 'Beto', 'b1'),
        await founder(a, 'Carla', 'c1'),
      ]
      const [ana, beto] = gone
      if (ana === undefined || beto === undefined) throw new Error('nobody entered')
      await a.done(leave(ana))
      await b.done(remove(beto))
      await lapse(room, a)
      for (const who of gone)
        await until(`the end of ${who.name}`, async () => (await accountOf(b, who)) === undefined)
      for (const who of [dora, eva]) {
        t.equal(await accountOf(a, who), accountText(`${who.key[0]}1`))
        t.equal(await endOf(a, who), undefined)
      }
      t.strictSame(
        (await a.store.list(ACCOUNTS, '', 10)).map(({ key }) => key),
        [dora.key, eva.key],
      )
      const next = [join(person('Ana')), claimName(person('Beto'), 'b2'), own(person('Carla'), 'c1')]
      t.strictSame(verdicts(await a.commit(...next)), ['ok', 'ok', 'ACCOUNT_CHANGED'], 'the names are free')
      t.equal(await accountOf(b, beto), accountText('b2'))
    },
    SOON,
  )

  await check('an account has an end only while its owner is away', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await founder(a, 'Ana', 'a1')
    t.equal(await endOf(b, ana), undefined)
    await a.done(leave(ana))
    t.ok(Number(await endOf(b, ana)) > Date.now())
    const again = person('Ana')
    await b.done(own(again, 'a1'))
    t.equal(await endOf(a, ana), undefined)
    await a.done(remove(again))
    t.ok(Number(await endOf(b, ana)) > Date.now())
    t.strictSame(verdicts(await b.commit(own(person('Ana'), 'a2'), join(person('Ana')))), [
      'ACCOUNT_CHANGED',
      'NAME_CLAIMED',
    ])
    t.ok(Number(await endOf(b, ana)) > Date.now(), 'whoever is refused does not keep it alive')
  })

  await check(
    'a claim, departures and entries of one call are judged each as if those before had happened',
    async (t, room) => {
      const [a, b] = await room.two()
      const [first, second, third] = [person('Ana'), person('Ana'), person('Ana')]
      const outcomes = await a.commit(
        own(first, 'a1'),
        claimName(first, 'a1'),
        say(first),
        claimName(second, 'a2'),
        join(second),
        leave(first),
        join(second),
        claimName(second, 'a2'),
        own(second, 'a2'),
        own(second, 'a1'),
        say(second),
        own(third, 'a1'),
        say(second),
        leave(second),
        say(third),
      )
      const expected = ['ACCOUNT_CHANGED', 'ok', 'ok', 'ACCOUNT_CHANGED', 'NAME_CLAIMED', 'ok']
      const then = [
        'NAME_CLAIMED',
        'ACCOUNT_CHANGED',
        'ACCOUNT_CHANGED',
        'ok',
        'ok',
        'ok',
        'FENCED',
        'FENCED',
      ]
      t.strictSame(verdicts(outcomes), [...expected, ...then, 'ok'])
      const { users } = await b.catchUp()
      t.strictSame(b.present(), users)
      t.match(users, [{ session: third.session, account: 'a1' }])
      t.equal(await endOf(b, first), undefined)
      await a.done(leave(third), own(first, 'a1'), leave(first))
      t.ok(await endOf(b, first))
      const beto = person('Beto')
      await a.done(claimName(beto, 'b1'), leave(beto))
      t.ok(await endOf(b, beto), 'also when he came and went in one call')
    },
  )

  await check('whoever is there when his account is deleted stays, until he leaves', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await founder(a, 'Ana', 'a1')
    t.equal(await b.store.delete(ACCOUNTS, ana.key), true)
    const guest = join(person('Ana'))
    const claims = ['a1', 'a2'].map((account) => claimName(person('Ana'), account))
    const others = [guest, ...claims, own(person('Ana'), 'a1')]
    t.strictSame(verdicts(await b.commit(...others)), [...Array(3).fill('NAME_TAKEN'), 'ACCOUNT_CHANGED'])
    t.strictSame(verdicts(await a.commit(say(ana))), ['ok'])
    await a.done(leave(ana))
    t.equal(await accountOf(b, ana), undefined)
    t.strictSame(verdicts(await b.commit(join(person('Ana')))), ['ok'])
  })

  await check('whoever leaves ends no account but his own', async (t, room) => {
    const [a, b] = await room.two()
    const people = [await founder(a, 'Ana', 'a1'), await founder(a, 'Beto', 'b1'), await a.enter('Carla')]
    for (const { key } of people) {
      await b.store.delete(ACCOUNTS, key)
      await b.store.putIfAbsent(ACCOUNTS, key, accountText('a12'))
    }
    const [ana, beto] = people
    if (ana === undefined || beto === undefined) throw new Error('nobody entered')
    await a.done(leave(ana), remove(beto))
    await lapse(room, a)
    for (const who of people) t.equal(await endOf(b, who), undefined, who.name)
  })
}
