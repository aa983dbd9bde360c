import t from 'tap'
import { ACCOUNTS } from '../../../src/room/accounts.js'
import type { Presence } from '../../../src/room/events.js'
import {
  accountText,
  changeStatus,
  claim,
  claimName,
  join,
  leave,
  own,
  person,
  remove,
  say,
} from '../../contract/people.js'
import { ACCOUNT_TTL_MS, now, outcomesOf, roomChecks, type ScriptRoom, short } from './kit.js'

const check = await roomChecks(t)

/** For how many ms what is kept of an account is still kept: -1 for good, -2 where there is nothing. */
const leftOf = (room: ScriptRoom, name: string) =>
  room.admin.pttl(room.keys.stored(ACCOUNTS, person(name).key))
const ownedBy = async (room: ScriptRoom, id: string) =>
  (await room.admin.smembers(room.key(`owned:${id}`))).sort()
const indexed = (room: ScriptRoom) => room.admin.zrange(room.keys.index(ACCOUNTS), '0', '-1')
const isFull = (left: number) => left > ACCOUNT_TTL_MS - 60_000 && left <= ACCOUNT_TTL_MS

async function present(room: ScriptRoom): Promise<readonly Presence[]> {
  return (await room.scripts.snapshot({ node: '', epoch: '' })).users
}

check('an account is kept under the key of its name, and in the index, for good', async (t, room) => {
  const node = await room.node('n')
  const nandu = person('Ñandú')
  await node.done(claimName(nandu, 'a1'))
  t.equal(await room.admin.get(room.keys.stored(ACCOUNTS, 'ñandú')), accountText('a1'))
  t.strictSame(await indexed(room), ['ñandú'])
  t.equal(await leftOf(room, 'Ñandú'), -1)
  await node.done(say(nandu), changeStatus(nandu, 'OCUPADO'))
  t.equal(await leftOf(room, 'Ñandú'), -1)
  t.match(await present(room), [{ account: 'a1', status: 'OCUPADO' }])
})

check('nothing is kept of a claim that is refused', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  await one.join('Ana')
  const ear = await room.listen()
  t.strictSame(short(await two.outcomes(claimName(person('Ana'), 'a1'))), ['NAME_TAKEN'])
  t.equal(await leftOf(room, 'Ana'), -2)
  t.strictSame(await indexed(room), [])
  t.strictSame(await ear.take(), [])
})

check('an account has an end from when its owner goes until he comes', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  const ways = [
    async () => void (await one.done(leave(ana))),
    async () => void (await two.done(remove(ana))),
    async () => {
      await room.end('one')
      await room.scripts.sweep(two.caller, now)
    },
  ]
  const ana = person('Ana')
  await one.done(claimName(ana, 'a1'))
  for (const [index, way] of ways.entries()) {
    t.equal(await leftOf(room, 'Ana'), -1, `before ${index}`)
    await way()
    t.ok(isFull(await leftOf(room, 'Ana')), `after ${index}`)
    t.strictSame(short(await two.outcomes(join(person('Ana')), own(person('Ana'), 'a2'))), [
      'NAME_CLAIMED',
      'ACCOUNT_CHANGED',
    ])
    t.ok((await leftOf(room, 'Ana')) > 0, 'also when others tried')
    if (index < ways.length - 1) await one.done(own(ana, 'a1'))
  }
  await two.done(own(person('Ana'), 'a1'))
  t.equal(await leftOf(room, 'Ana'), -1)
  t.equal(await room.admin.get(room.keys.stored(ACCOUNTS, 'ana')), accountText('a1'))
})

check('within one batch what counts is how it ends', async (t, room) => {
  const node = await room.node('n')
  const ana = person('Ana')
  await node.done(claimName(ana, 'a1'), leave(ana))
  t.ok(isFull(await leftOf(room, 'Ana')))
  await node.done(own(ana, 'a1'), leave(ana))
  t.ok(isFull(await leftOf(room, 'Ana')))
  await node.done(own(ana, 'a1'), leave(ana), own(ana, 'a1'))
  t.equal(await leftOf(room, 'Ana'), -1)
  const fresh = person('Ana')
  await node.done(own(fresh, 'a1'), leave(fresh))
  t.ok(isFull(await leftOf(room, 'Ana')), 'who took over has gone')
  await node.done(own(ana, 'a1'), remove(ana), own(fresh, 'a1'))
  t.equal(await leftOf(room, 'Ana'), -1)
  const beto = person('Beto')
  await node.done(claimName(beto, 'b1'), leave(beto), own(beto, 'b1'))
  t.equal(await leftOf(room, 'Beto'), -1)
})

check('an account that was deleted does not come back with its owner', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  const ana = person('Ana')
  await one.done(claimName(ana, 'a1'))
  const [was] = await present(room)
  await room.scripts.forget(two.caller, ACCOUNTS, ana.key)
  t.strictSame(await indexed(room), [])
  await room.end('one')
  await room.scripts.sweep(two.caller, now)
  if (was !== undefined) await two.done(claim(was))
  t.match(await present(room), [{ node: 'two', account: 'a1', order: 1 }])
  t.equal(await leftOf(room, 'Ana'), -2)
  await two.done(leave(ana))
  t.equal(await leftOf(room, 'Ana'), -2)
})

check('who is taken over belongs to the new node alone', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  await one.done(claimName(person('Ana'), 'a1'), claimName(person('Beto'), 'b1'), join(person('Carla')))
  const fresh = person('Ana')
  await two.done(own(fresh, 'a1'))
  t.strictSame(await ownedBy(room, 'one'), ['beto', 'carla'])
  t.strictSame(await ownedBy(room, 'two'), ['ana'])
  await one.done(own(person('Ana'), 'a1'), own(person('Beto'), 'b1'))
  t.strictSame(await ownedBy(room, 'one'), ['ana', 'beto', 'carla'], 'and back; and from itself')
  t.strictSame(await ownedBy(room, 'two'), [])
})

check('who was taken over by a node and left in the same batch belongs to none', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  await one.done(claimName(person('Ana'), 'a1'), join(person('Beto')))
  const fresh = person('Ana')
  await two.done(own(fresh, 'a1'), leave(fresh))
  t.strictSame([await ownedBy(room, 'one'), await ownedBy(room, 'two')], [['beto'], []])
  t.equal(await room.admin.exists(room.key('owned:two')), 0)
  await two.done(own(fresh, 'a1'), own(person('Ana'), 'a1'))
  t.strictSame([await ownedBy(room, 'one'), await ownedBy(room, 'two')], [['beto'], ['ana']])
})

check('a node that is swept shows out nobody who was taken over before that', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  await one.done(claimName(person('Ana'), 'a1'))
  await room.end('one')
  const fresh = person('Ana')
  await two.done(own(fresh, 'a1'))
  const ear = await room.listen()
  await room.scripts.sweep(two.caller, now)
  t.strictSame(await ear.take(), [])
  t.match(await present(room), [{ session: fresh.session, node: 'two' }])
  t.equal(await leftOf(room, 'Ana'), -1)
  t.equal(await room.admin.exists(room.key('swept'), room.key('owned:one')), 0)
})

check(
  'newcomers with an account wait too while names are claimed again; who takes over does not',
  async (t, room) => {
    const node = await room.node('n')
    const ana = person('Ana')
    await node.done(claimName(ana, 'a1'), claimName(person('Beto'), 'b1'))
    await node.done(leave(ana))
    await room.admin.hset(room.key('meta'), 'claims_until', (await room.time()) + 600_000)
    const batch = [claimName(person('Eva'), 'e1'), own(person('Ana'), 'a1'), own(person('Beto'), 'b1')]
    t.strictSame(short(await node.outcomes(...batch)), ['wait', 'wait', 4])
    t.equal(await leftOf(room, 'Eva'), -2)
    t.ok((await leftOf(room, 'Ana')) > 0)
  },
)

check('a batch that is sent again claims and takes over once', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  await one.done(claimName(person('Ana'), 'a1'))
  const ear = await room.listen()
  const batch = [own(person('Ana'), 'a1'), claimName(person('Beto'), 'b1'), claimName(person('Ana'), 'a2')]
  const outcomes = await two.outcomes(...batch)
  t.strictSame(short(outcomes), [2, 3, 'ACCOUNT_CHANGED'])
  const before = await room.kept()
  t.strictSame(outcomesOf(await two.send(two.number, ...batch)), outcomes)
  t.strictSame(await room.kept(), before)
  t.equal((await ear.take()).length, 1)
})

check(
  'nothing is claimed when Redis has no memory left, but who leaves leaves his account',
  async (t, room) => {
    const node = await room.node('n')
    const ana = person('Ana')
    await node.done(claimName(ana, 'a1'))
    t.teardown(() => room.server.call('CONFIG', 'SET', 'maxmemory', '0'))
    await room.server.call('CONFIG', 'SET', 'maxmemory', '1')
    t.strictSame(await node.commit(claimName(person('Beto'), 'b1')), { kind: 'full' })
    t.equal(await leftOf(room, 'Beto'), -2)
    await room.scripts.leave(node.caller)
    await room.scripts.sweep(node.caller, now)
    t.ok(isFull(await leftOf(room, 'Ana')))
  },
)

check(
  'accounts survive a restart of Redis, and whoever comes back finds himself the owner',
  async (t, room) => {
    const node = await room.node('n')
    await node.done(claimName(person('Ana'), 'a1'))
    await room.restarted()
    const other = await room.node('other')
    t.strictSame(short(await other.outcomes(join(person('Ana')), own(person('Ana'), 'a1'))), [
      'NAME_CLAIMED',
      2,
    ])
    t.match(await present(room), [{ node: 'other', order: 1, account: 'a1' }])
  },
)

check('names whose accounts have expired leave the index by and by', async (t, room) => {
  const node = await room.node('n')
  await node.done(...['Ana', 'Beto', 'Carla'].map((name) => claimName(person(name), `${name}1`)))
  for (const key of ['ana', 'carla']) await room.admin.del(room.key(`store:account:${key}`))
  await room.scripts.beat(node.caller)
  t.strictSame(await room.admin.zrange(room.key('index:account'), '0', '-1'), ['beto'])
})
