import t, { type Test } from 'tap'
import { Scripts } from '../../../src/backplane/redis/scripts.js'
import { frameOf, join, leave, person, say } from '../../contract/people.js'
import {
  type Ear,
  LEASE_MS,
  LOG_LIMITS,
  now,
  outcomesOf,
  roomChecks,
  type ScriptNode,
  type ScriptRoom,
  STARTED_AT,
  short,
  sweptFrame,
} from './kit.js'

const check = await roomChecks(t)

/** Whether a lease has just begun, as far as a test can tell that has been held up a little. */
function isFull(t: Test, lease: number | undefined): void {
  t.ok(lease !== undefined && lease > LEASE_MS - 60_000 && lease <= LEASE_MS, `${lease} ms are a full lease`)
}

const beat = (room: ScriptRoom, node: ScriptNode) => room.scripts.beat(node.caller)

/** Ends nodes as a beat does, and shows nobody out yet. */
async function end(room: ScriptRoom, by: ScriptNode, ...nodes: ScriptNode[]): Promise<void> {
  await room.expire(...nodes.map(({ id }) => id))
  await beat(room, by)
}

check('the first node opens the room', async (t, room) => {
  const node = await room.node('n')
  t.match(node.epoch, /^[0-9a-f]{16}[0-9a-z]+$/)
  t.strictSame(await node.enter(), { position: node.at(0), claimsLeftMs: 0 })
  t.equal(await room.meta('format'), '4')
  isFull(t, await room.leaseOf('n'))
})

check('a node that enters is told where the log stands', async (t, room) => {
  const node = await room.node('n')
  await node.join('Ana')
  const other = await room.node('other')
  t.strictSame(await other.enter(), { position: node.at(1), claimsLeftMs: 0 })
  t.equal(other.epoch, node.epoch)
})

check('a node that enters again, too late, is not made to forget its last batch', async (t, room) => {
  const node = await room.node('n')
  const ana = await node.join('Ana')
  const outcomes = await node.outcomes(say(ana))
  await node.enter()
  t.strictSame(short(outcomesOf(await node.send(node.number, say(ana)))), short(outcomes))
  t.equal((await room.log(node.at(0))).length, 2)
})

check('nodes are told with label, start, sessions and what is left of the lease', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  await one.join('Ana')
  const beto = await one.join('Beto')
  await one.join('Carla')
  await one.done(leave(beto))
  const nodes = await room.scripts.nodes(two.caller)
  for (const { leaseMs } of nodes) isFull(t, leaseMs ?? undefined)
  const about = nodes.map(({ id, label, startedAt, sessions }) => ({ id, label, startedAt, sessions }))
  t.strictSame(about, [
    { id: 'one', label: 'label of one', startedAt: STARTED_AT, sessions: 2 },
    { id: 'two', label: 'label of two', startedAt: STARTED_AT, sessions: 0 },
  ])
  await room.expire('one')
  const [late] = await room.scripts.nodes(two.caller)
  t.strictSame([late?.id, late?.leaseMs], ['one', 0], 'a lease that is over is not less than nothing')
})

check(
  'a beat renews the lease of its node and of no other, and tells where the log stands',
  async (t, room) => {
    const [one, two] = [await room.node('one'), await room.node('two')]
    await one.join('Ana')
    const soon = (await room.time()) + LEASE_MS / 2
    await room.admin.zadd(room.key('nodes'), soon, 'one', soon, 'two')
    const ear = await room.listen()
    t.strictSame(await beat(room, one), { position: one.at(1), claimsLeftMs: 0, known: true, swept: 0 })
    isFull(t, await room.leaseOf('one'))
    t.equal(await room.admin.zscore(room.key('nodes'), 'two'), `${soon}`)
    t.strictSame(await ear.messages(), [{ kind: 'head', head: two.at(1) }])
  },
)

check('a node that is late, but was not swept, is simply renewed', async (t, room) => {
  const node = await room.node('n')
  const ana = await node.join('Ana')
  await room.expire('n')
  t.match(await beat(room, node), { known: true, swept: 0 })
  isFull(t, await room.leaseOf('n'))
  await node.done(say(ana))
})

check('a node that is late may still commit, and others still see its users', async (t, room) => {
  const [node, other] = [await room.node('n'), await room.node('other')]
  const ana = await node.join('Ana')
  await room.expire('n')
  await node.done(say(ana))
  t.equal((await room.scripts.snapshot(other.caller)).users.length, 1)
})

check('a node whose lease is over is ended by the beat of another, for good', async (t, room) => {
  const [one, two, three] = [await room.node('one'), await room.node('two'), await room.node('three')]
  await one.join('Ana')
  await room.expire('one', 'two')
  t.match(await beat(room, three), { known: true, swept: 2 })
  t.match(await beat(room, three), { known: true, swept: 2 }, 'counted until their users are shown out')
  const ear = await room.listen()
  t.match(await beat(room, one), { known: false, swept: 0, position: one.at(1) })
  t.match(await beat(room, two), { known: false })
  t.equal(await room.leaseOf('one'), undefined)
  t.strictSame(await one.commit(join(person('Eva'))), { kind: 'lapsed' })
  t.strictSame(await ear.take(), [], 'nothing comes of it any more')
  await room.scripts.sweep(three.caller, now)
  t.match(await beat(room, three), { swept: 0 })
})

check('nobody is ended when nobody could beat for half a lease', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  await beat(room, two)
  await room.expire('one', 'two')
  await room.admin.hset(room.key('meta'), 'beat', (await room.time()) - LEASE_MS / 2 - 1)
  t.match(await beat(room, one), { known: true, swept: 0 })
  for (const id of ['one', 'two']) isFull(t, await room.leaseOf(id))

  await room.expire('two')
  t.match(await beat(room, one), { swept: 1 }, 'and then somebody could')
})

check('a clock that is set back keeps nobody alive for longer than a lease', async (t, room) => {
  const [one] = [await room.node('one'), await room.node('two')]
  const ahead = (await room.time()) + 10 * LEASE_MS
  await room.admin.zadd(room.key('nodes'), ahead, 'one', ahead, 'two')
  await room.admin.hset(room.key('meta'), 'beat', ahead, 'claims_until', ahead)
  const { claimsLeftMs } = await beat(room, one)
  isFull(t, await room.leaseOf('two'))
  t.ok(claimsLeftMs <= LEASE_MS, `${claimsLeftMs} ms for claims`)
})

check('the term of a lease is its own, whoever renews it', async (t, room) => {
  const one = await room.node('one')
  const hasty = new Scripts({ redis: room.admin, keys: room.keys, leaseMs: 300, ...LOG_LIMITS })
  const caller = { node: 'hasty', epoch: one.epoch }
  await hasty.enter(caller, { label: 'hasty', startedAt: STARTED_AT })
  await room.expire('one')
  await room.admin.hset(room.key('meta'), 'beat', (await room.time()) - LEASE_MS)
  t.match(await hasty.beat(caller), { known: true, swept: 0 })
  isFull(t, await room.leaseOf('one'))
  await room.restarted()
  await room.expire('one')
  await hasty.beat(caller)
  isFull(t, await room.leaseOf('one'))
  await room.expire('hasty')
  await room.admin.hset(room.key('meta'), 'beat', (await room.time()) - LEASE_MS)
  await beat(room, one)
  t.ok(Number(await room.leaseOf('hasty')) <= 300)
})

check('somebody is ended when others could beat', async (t, room) => {
  const one = await room.node('one')
  await room.node('two')
  await room.admin.hset(room.key('meta'), 'beat', (await room.time()) - LEASE_MS / 2 + 60_000)
  await room.expire('two')
  t.match(await beat(room, one), { swept: 1 })
})

check('the beat of a node that is not there says nothing about the others', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  await end(room, one, two)
  const long = (await room.time()) - LEASE_MS
  await room.admin.hset(room.key('meta'), 'beat', long)
  await beat(room, two)
  t.equal(await room.meta('beat'), `${long}`)
})

check('every lease gets a full term when Redis was restarted', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  await beat(room, two)
  await room.expire('one', 'two')
  await room.restarted()
  t.match(await beat(room, one), { known: true, swept: 0 })
  for (const id of ['one', 'two']) isFull(t, await room.leaseOf(id))
})

check('a node that leaves ends its lease; who was there is to be shown out', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  const ana = await one.join('Ana')
  const ear = await room.listen()
  await room.scripts.leave(one.caller)
  t.strictSame(await one.commit(say(ana)), { kind: 'lapsed' })
  t.strictSame(await ear.take(), [])
  t.strictSame(
    (await room.scripts.nodes(two.caller)).map(({ id }) => id),
    ['two'],
  )
  t.match(await beat(room, two), { swept: 1 })
  await room.scripts.leave(one.caller)
  t.match(await beat(room, two), { swept: 1 }, 'leaving twice is leaving once')
  await room.scripts.leave({ node: 'unknown', epoch: '' })
  t.match(await beat(room, two), { swept: 1 })
})

/** Who was shown out, by key, in each message. */
async function shownOut(ear: Ear) {
  return (await ear.messages()).map((message) => {
    const events = message.kind === 'events' ? message.events : []
    return Object.fromEntries(
      events.map((event) =>
        event.kind === 'left' ? [event.key, [event.session, frameOf(event)]] : [event.kind, []],
      ),
    )
  })
}

check('a sweep shows out the users of nodes that are no more, and no others', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  const names = ['Ana', '"Beto\\%1"', 'Ñandú 🙂']
  const people = []
  for (const name of names) people.push(await one.join(name))
  await two.join('Carla')
  await end(room, two, one)
  // Of what a node once held, only what it still holds counts.
  await room.admin.sadd(room.key('owned:one'), 'carla', 'nobody')
  const ear = await room.listen()
  t.strictSame(await room.scripts.sweep(two.caller, now), two.at(7))
  const expected = people.map(({ key, session, name }) => [key, [session, sweptFrame(name)]])
  t.strictSame(await shownOut(ear), [Object.fromEntries(expected)])
  const log = await room.log(two.at(4))
  t.strictSame(log === 'lost' ? log : log.map(({ position }) => position), [two.at(5), two.at(6), two.at(7)])
  t.strictSame(
    (await room.scripts.snapshot(two.caller)).users.map(({ name }) => name),
    ['Carla'],
  )
  t.equal(await room.admin.exists(room.key('owned:one'), room.key('swept')), 0)
  const kept = await room.admin.ttl(room.key('node:one'))
  t.ok(kept > 3000 && kept <= 3600, 'its outcomes are not kept for ever')
  t.equal(await room.admin.ttl(room.key('node:two')), -1, 'those of the living are')
})

check('a sweep without anybody to show out does nothing', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  await two.join('Ana')
  await end(room, two, one)
  const ear = await room.listen()
  t.strictSame(await room.scripts.sweep(two.caller, now), two.at(1))
  t.strictSame(await ear.take(), [])
  t.equal(await room.admin.exists(room.key('swept')), 0)
})

check('a sweep goes in portions, and another node ends what one has begun', async (t, room) => {
  const [one, two, three] = [await room.node('one'), await room.node('two'), await room.node('three')]
  for (const [index, node] of [one, two].entries()) {
    const people = Array.from({ length: 200 }, (_, number) => person(`p${index}-${number}`))
    await node.done(...people.map((someone) => join(someone)))
  }
  await end(room, three, one, two)
  const ear = await room.listen()
  const dying = () => {
    dying.portions += 1
    if (dying.portions === 2) throw new Error('it died')
    return now()
  }
  dying.portions = 0
  await t.rejects(room.scripts.sweep(three.caller, dying), /it died/)
  const sizes = async () => (await shownOut(ear)).map((portion) => Object.keys(portion).length)
  t.strictSame(await sizes(), [256])
  const { users } = await room.scripts.snapshot(three.caller)
  t.equal(users.length, 144)
  const four = await room.node('four')
  t.match(await beat(room, four), { swept: 1 })
  t.strictSame(await room.scripts.sweep(four.caller, now), three.at(800))
  t.strictSame(
    (await sizes()).filter((size) => size > 0),
    [144],
  )
  t.strictSame((await room.scripts.snapshot(three.caller)).users, [])
})

check('a name is free as soon as its user was shown out', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  await one.join('Ana')
  await end(room, two, one)
  t.strictSame(short(await two.outcomes(join(person('Ana')))), ['NAME_TAKEN'])
  await room.scripts.sweep(two.caller, now)
  t.strictSame(short(await two.outcomes(join(person('Ana')))), [3])
})

check('nothing is half done when Redis has too few replicas', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  await one.join('Ana')
  await end(room, two, one)
  const [before, ear] = [await room.kept(), await room.listen()]
  t.teardown(() => room.server.call('CONFIG', 'SET', 'min-replicas-to-write', '0'))
  await room.server.call('CONFIG', 'SET', 'min-replicas-to-write', '1')
  await t.rejects(beat(room, two), /^NOREPLICAS/)
  await t.rejects(room.scripts.sweep(two.caller, now), /^NOREPLICAS/)
  await t.rejects(room.scripts.leave(two.caller), /^NOREPLICAS/)
  await t.rejects(room.node('three'), /^NOREPLICAS/)
  t.strictSame(await room.kept(), before)
  t.strictSame(await ear.take(), [])
})

check('nodes come, live and go also when Redis has no memory left', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  await one.join('Ana')
  await room.expire('one')
  t.teardown(() => room.server.call('CONFIG', 'SET', 'maxmemory', '0'))
  await room.server.call('CONFIG', 'SET', 'maxmemory', '1')
  const three = await room.node('three')
  t.match(await beat(room, two), { known: true, swept: 1 })
  t.strictSame(await room.scripts.sweep(three.caller, now), two.at(2))
  await room.scripts.leave(three.caller)
  t.strictSame(
    (await room.scripts.nodes(two.caller)).map(({ id }) => id),
    ['two'],
  )
  t.strictSame((await room.scripts.snapshot(two.caller)).users, [])
})
