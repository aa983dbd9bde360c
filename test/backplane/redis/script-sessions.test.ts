import assert from 'node:assert/strict'
import t, { type Test } from 'tap'
import { writeProposal } from '../../../src/backplane/redis/wire.js'
import { encode } from '../../../src/protocol/codec.js'
import { INBOX_HELD, INBOX_SENT, KNOWN_REFS } from '../../../src/room/inbox.js'
import {
  announce,
  changeStatus,
  claim,
  type ExtendedPerson,
  erase,
  frameOf,
  hold,
  join,
  leave,
  newSecret,
  person,
  remove,
  resume,
  say,
  under,
  whisper,
} from '../../contract/people.js'
import { last } from '../../contract/room.js'
import { GRACE_MS, now, outcomesOf, roomChecks, type ScriptNode, type ScriptRoom, short } from './kit.js'

const check = await roomChecks(t)
const NOBODY = { node: '', epoch: '' }

/** Has somebody new enter with extensions. */
async function enter(node: ScriptNode, name: string): Promise<ExtendedPerson> {
  const someone = { ...person(name), secret: newSecret() }
  await node.done(join(someone, { secretHash: someone.secret }))
  return someone
}

/** The names of all keys, without what they have in common. */
async function keysOf(room: ScriptRoom): Promise<string[]> {
  const keys = await room.admin.keys(`${room.keys.namespace}*`)
  return keys.map((key) => key.slice(room.keys.namespace.length)).sort()
}

/** How long somebody is still held, by Redis's clock; undefined where he is not. */
async function heldFor(room: ScriptRoom, { key }: { readonly key: string }): Promise<number | undefined> {
  const deadline = await room.admin.zscore(room.key('held'), key)
  return deadline === null ? undefined : Number(deadline) - (await room.time())
}

function isWhole(t: Test, left: number | undefined): void {
  t.ok(left !== undefined && left <= GRACE_MS && left > GRACE_MS - 60_000, `${left} ms`)
}

async function inboxOf(room: ScriptRoom, { secret }: ExtendedPerson, after = 0) {
  const [inbox] = await room.scripts.inboxes(NOBODY, [{ secretHash: secret, after }])
  return inbox
}

/** As if Redis had been restarted with its data, and nodes knew. */
async function restart(room: ScriptRoom, ...nodes: ScriptNode[]): Promise<void> {
  await room.restarted()
  const { position } = await room.scripts.snapshot(NOBODY)
  for (const node of nodes) node.epoch = position.epoch
}

/** As if everyone who is held had been for long enough. */
async function expire(room: ScriptRoom): Promise<void> {
  for (const name of await room.admin.zrange(room.key('held'), '0', '-1'))
    await room.admin.zadd(room.key('held'), 1, name)
}

/** Keys that there are while a node is there on which nobody is, and after something has happened. */
const KNOWN = ['log', 'meta', 'node:n', 'nodes']

check('the deadline of who is held is in Redis, and ends when it is taken up, or over', async (t, room) => {
  const [node, other] = [await room.node('n'), await room.node('other')]
  const ana = await enter(node, 'Ana')
  const beto = await enter(node, 'Beto')
  t.equal(await heldFor(room, ana), undefined)
  await node.done(hold(ana), hold(beto))
  isWhole(t, await heldFor(room, ana))
  t.strictSame(await room.admin.smembers(room.key('owned:n')), [])
  await other.done(resume(person('Ana'), ana.secret), remove(beto))
  t.strictSame([await heldFor(room, ana), await heldFor(room, beto)], [undefined, undefined])
  t.strictSame(await room.admin.smembers(room.key('owned:other')), ['ana'])
  t.equal(await room.admin.exists(room.key('held')), 0)
})

check('any node shows out who was held for long enough, when it beats', async (t, room) => {
  const [node, other] = [await room.node('n'), await room.node('other')]
  const ana = await enter(node, 'Ana')
  await enter(node, 'Beto')
  await node.done(hold(ana))
  t.match(await room.scripts.beat(other.caller), { swept: 0 })
  await room.scripts.sweep(other.caller, now)
  t.ok((await heldFor(room, ana)) !== undefined, 'not before its time')
  await expire(room)
  t.match(await room.scripts.beat(other.caller), { swept: 1 })
  const ear = await room.listen()
  await room.scripts.sweep(other.caller, now)
  const [message, ...others] = await ear.messages()
  t.strictSame(others, [])
  const events = message?.kind === 'events' ? message.events : []
  t.match(events, [{ kind: 'left', session: ana.session, key: ana.key }])
  t.strictSame(events.map(frameOf), [encode.userDisconnected('Ana', now())])
  t.match(await room.scripts.beat(other.caller), { swept: 0 })
})

check('of many they are shown out by portions, back to back', async (t, room) => {
  const node = await room.node('n')
  const people = Array.from({ length: 600 }, (_, index) => person(`p${index}`))
  for (let first = 0; first < people.length; first += 200)
    await node.done(
      ...people
        .slice(first, first + 200)
        .flatMap((who) => [join(who, { secretHash: `of-${who.name}` }), hold(who)]),
    )
  await expire(room)
  await enter(node, 'Ana')
  const ear = await room.listen()
  await room.scripts.sweep(node.caller, now)
  const portions = (await ear.messages()).map((message) =>
    message.kind === 'events' ? message.events.length : 0,
  )
  t.strictSame(portions, [256, 256, 88])
  t.strictSame(await keysOf(room), [
    ...KNOWN,
    'owned:n',
    ...(await keysOf(room)).filter((key) => key.startsWith('session:')),
    'users',
  ])
  t.equal((await room.scripts.snapshot(NOBODY)).users.length, 1)
})

check('after a restart of Redis nobody is shown out who could not come back meanwhile', async (t, room) => {
  const node = await room.node('n')
  const ana = await enter(node, 'Ana')
  await node.done(hold(ana))
  await expire(room)
  await restart(room, node)
  isWhole(t, await heldFor(room, ana))
  await room.scripts.sweep(node.caller, now)
  t.match((await room.scripts.snapshot(NOBODY)).users, [{ held: true }])
})

check('nor after nobody could beat for a while', async (t, room) => {
  const node = await room.node('n')
  const ana = await enter(node, 'Ana')
  await node.done(hold(ana))
  await room.scripts.beat(node.caller)
  await expire(room)
  await room.admin.hset(room.key('meta'), 'beat', 1)
  t.match(await room.scripts.beat(node.caller), { swept: 0 })
  isWhole(t, await heldFor(room, ana))
})

check(
  'what is kept for sessions survives a restart of Redis, and so does what they have sent',
  async (t, room) => {
    const node = await room.node('n')
    const ana = await enter(node, 'Ana')
    const { epoch } = node
    const [said, letter] = [under('s', say(ana, 'before')), under('p', whisper(ana, 'Ana', '1'))]
    await node.done(said, letter, hold(ana))
    await restart(room, node)
    t.not(node.epoch, epoch)
    const again = { ...person('Ana'), secret: ana.secret }
    await node.done(resume(again, ana.secret))
    const repeated = { ok: true, position: { epoch, offset: 2 }, repeated: true }
    const repeats = [under('s', say(again)), under('p', whisper(again, 'Ana'))]
    t.strictSame(await node.outcomes(...repeats), [repeated, repeated])
    await node.done(whisper(again, 'Ana', '2'))
    const inbox = await inboxOf(room, again)
    assert.ok(inbox !== undefined && inbox !== 'lost')
    t.strictSame(
      inbox.map(({ seq, after }) => [seq, after]),
      [
        [1, { epoch, offset: 2 }],
        [2, node.at(4)],
      ],
      'in one sequence, each with the epoch of its event',
    )
  },
)

check('the history goes on over a restart of Redis, each message with its epoch', async (t, room) => {
  const node = await room.node('n')
  const ana = await node.join('Ana')
  const { epoch } = node
  const [first] = await node.outcomes(say(ana, '1'))
  await node.done(say(ana, '2'))
  await restart(room, node)
  await node.done(announce('3'))
  const positions = async () =>
    (await room.scripts.history(NOBODY, undefined, 10)).map(({ position }) => position)
  t.strictSame(await positions(), [{ epoch, offset: 2 }, { epoch, offset: 3 }, node.at(4)])
  t.strictSame(
    (await room.scripts.history(NOBODY, node.at(4), 1)).map(({ position }) => position),
    [{ epoch, offset: 3 }],
  )
  t.strictSame(short(await node.outcomes(erase(node.at(3)), erase({ epoch, offset: 4 }))), [
    'UNKNOWN_MESSAGE',
    'UNKNOWN_MESSAGE',
  ])
  t.match(first, { position: { epoch, offset: 2 } })
  t.strictSame(short(await node.outcomes(erase({ epoch, offset: 2 }))), [5])
  t.strictSame(await positions(), [{ epoch, offset: 3 }, node.at(4)])
})

check(
  'how many bytes the history has is known, whatever came and went',
  async (t, room) => {
    const node = await room.node('n')
    const ana = await node.join('Ana')
    const isRight = async (what: string) => {
      const kept = await room.admin.zrange(room.key('history'), '0', '-1')
      const bytes = kept.reduce((sum, message) => sum + Buffer.byteLength(message), 0)
      t.equal(Number((await room.meta('said_bytes')) ?? 0), bytes, what)
    }
    const offsets = await node.done(...['a', 'ññ', 'x'.repeat(1000)].map((text) => say(ana, text)))
    await isRight('said')
    await node.done(erase(node.at(offsets[1] ?? 0)))
    await isRight('taken out')
    await node.done(say(ana, 'more'), say(ana, 'and more'), say(ana, 'y'.repeat(500)))
    t.equal(await room.admin.zcard(room.key('history')), 4)
    await isRight('pushed out')
    await node.done(say(ana), erase(node.at(last(offsets))))
    await isRight('taken out while it was pushed out, or not')
  },
  { historyLength: 4 },
)

check('of sessions that are over nothing is kept', async (t, room) => {
  const [node, other] = [await room.node('n'), await room.node('other')]
  const beto = await enter(node, 'Beto')
  const ends: ((who: ExtendedPerson) => Promise<unknown>)[] = [
    (who) => node.done(leave(who)),
    (who) => other.done(remove(who)),
    (who) => node.done(hold(who), remove(who)),
    async (who) => {
      await node.done(hold(who))
      await expire(room)
      await room.scripts.sweep(other.caller, now)
    },
    async (who) => {
      const again = person('Ana')
      await other.done(resume(again, who.secret), whisper(again, 'Ana'), leave(again))
    },
    async (who) => {
      const again = person('Ana')
      await other.done(
        resume(again, who.secret, { secretHash: newSecret() }),
        whisper(again, 'Ana'),
        leave(again),
      )
    },
  ]
  const before = await keysOf(room)
  for (const [index, end] of ends.entries()) {
    const ana = await enter(node, 'Ana')
    await node.done(whisper(beto, 'Ana', '1'), under('r', changeStatus(ana, 'OCUPADO')), whisper(ana, 'Ana'))
    t.strictSame(
      (await keysOf(room)).filter((key) => key.includes(ana.secret)),
      [`inbox:${ana.secret}`, `session:${ana.secret}`],
    )
    await end(ana)
    t.strictSame(await keysOf(room), before, `end ${index}`)
  }
  const three = person('Carla')
  await node.done(
    join(three, { secretHash: newSecret() }),
    whisper(three, 'Carla'),
    hold(three),
    remove(three),
  )
  t.strictSame(await keysOf(room), before, 'also where all of it was in one batch')
  await node.done(leave(beto))
  t.strictSame(await keysOf(room), [...KNOWN, 'node:other'].sort())
})

check('of a session no more is kept than is known of it', async (t, room) => {
  const node = await room.node('n')
  const ana = await enter(node, 'Ana')
  for (let turn = 0; turn < 4; turn += 1)
    await node.done(
      ...Array.from({ length: KNOWN_REFS / 2 + 7 }, (_, index) => {
        return under(
          `r${turn}-${index}`,
          index % 2 === 0 ? say(ana) : whisper(ana, 'Ana', `${turn} ${index}`),
        )
      }),
    )
  const session = await room.admin.hgetall(room.key(`session:${ana.secret}`))
  const fields = (first: string) => Object.keys(session).filter((field) => field.startsWith(first))
  t.equal(fields('r:').length, KNOWN_REFS)
  t.equal(fields('s:').length, KNOWN_REFS)
  t.strictSame(new Set(fields('s:').map((slot) => `r:${session[slot]}`)), new Set(fields('r:')))
  const kept = await room.admin.lrange(room.key(`inbox:${ana.secret}`), 0, -1)
  t.equal(kept.length, INBOX_SENT.messages)
  t.equal(
    Number(session.bytes),
    kept.reduce((sum, message) => sum + Buffer.byteLength(message), 0),
  )
})

check('what is kept for who is held again and again is bounded', async (t, room) => {
  const node = await room.node('n')
  const beto = await node.join('Beto')
  let ana = await enter(node, 'Ana')
  const letters = (count: number) => Array.from({ length: count }, () => whisper(beto, 'Ana'))
  for (let turn = 0; turn < 8; turn += 1) {
    await node.done(hold(ana))
    for (let part = 0; part < 5; part += 1) await node.outcomes(...letters(250))
    ana = { ...person('Ana'), secret: ana.secret }
    await node.done(resume(ana, ana.secret))
    await node.done(...letters(turn === 7 ? 1 : 200))
  }
  const most = INBOX_HELD.messages + INBOX_SENT.messages
  const kept = await room.admin.lrange(room.key(`inbox:${ana.secret}`), 0, -1)
  t.ok(kept.length <= most, `${kept.length} messages`)
  const bytes = kept.reduce((sum, message) => sum + Buffer.byteLength(message), 0)
  t.equal(Number(await room.admin.hget(room.key(`session:${ana.secret}`), 'bytes')), bytes)
})

check('a message is kept for an extended session though nobody listens on its node', async (t, room) => {
  const node = await room.node('n')
  const ana = await enter(node, 'Ana')
  await node.join('Beto')
  const letters = [under('r', whisper(ana, 'Ana', '1')), under('q', whisper(ana, 'Beto', '2'))]
  t.strictSame(short(await node.outcomes(...letters, ...letters)), [2, 'UNAVAILABLE', 2, 'UNAVAILABLE'])
  t.match(await inboxOf(room, ana), [{ seq: 1 }])
  const mail = await room.listen(room.keys.mail('n'))
  t.match(await node.outcomes(...letters), [
    { ok: true, repeated: true },
    { ok: true, repeated: undefined },
  ])
  t.equal((await mail.take()).length, 1, 'what was not delivered is tried again')
})

check('a batch that is sent again does nothing again, with or without refs', async (t, room) => {
  const node = await room.node('n')
  const ana = await enter(node, 'Ana')
  const again = person('Ana')
  const batch = [
    whisper(ana, 'Ana'),
    under('r', say(ana)),
    under('r', say(ana)),
    hold(ana),
    resume(again, ana.secret),
    whisper(again, 'Ana'),
    hold(again),
    erase(node.at(1)),
  ]
  const outcomes = outcomesOf(await node.send(7, ...batch))
  t.strictSame(short(outcomes), [1, 2, 2, 3, 4, 4, 5, 'UNKNOWN_MESSAGE'])
  const before = await room.kept()
  t.strictSame(outcomesOf(await node.send(7, ...batch)), outcomes)
  t.strictSame(await room.kept(), before)
})

check('secrets, and what they are kept as, are in no event', async (t, room) => {
  const node = await room.node('n')
  const [ear, mail] = [await room.listen(), await room.listen(room.keys.mail('n'))]
  const ana = await enter(node, 'Ana')
  const again = person('Ana')
  const third = person('Ana')
  const other = newSecret()
  await node.done(whisper(ana, 'Ana'), hold(ana), resume(again, ana.secret), whisper(again, 'Ana'))
  await node.done(resume(third, ana.secret, { secretHash: other }), hold(third))
  await expire(room)
  await room.scripts.sweep(node.caller, now)
  const log = await room.admin.xrange(room.key('log'), '-', '+')
  const told = [...(await ear.take()), ...(await mail.take()), Buffer.from(JSON.stringify(log))].join('\n')
  t.match(told, /joined|j\t/)
  for (const secret of [ana.secret, other]) t.notOk(told.includes(secret))
})

check(
  'when Redis has no memory left nothing is half done, and nobody who is there is lost',
  async (t, room) => {
    const [node, other] = [await room.node('n'), await room.node('other')]
    const ana = await enter(node, 'Ana')
    const beto = await enter(node, 'Beto')
    const carla = await enter(other, 'Carla')
    await node.done(say(ana), whisper(ana, 'Ana'), whisper(ana, 'Beto'))
    const mark = node.at(4)
    await room.end('other')
    const memory = (bytes: string) => room.server.call('CONFIG', 'SET', 'maxmemory', bytes)
    t.teardown(() => memory('0'))
    await memory('1')
    const before = await room.kept()
    const batch = [
      under('r', say(ana)),
      under('p', whisper(ana, 'Beto')),
      hold(ana),
      resume(person('Ana'), ana.secret),
    ]
    t.strictSame(await node.commit(...batch), { kind: 'full' })
    t.strictSame(await room.kept(), before)
    // What takes something away is done all the same.
    node.number += 1
    const leaving = [hold(ana), leave(beto), erase(mark)]
    const reply = await room.scripts.commit(node.caller, node.number, leaving.map(writeProposal), true)
    t.strictSame(short(outcomesOf(reply)), [5, 6, 7])
    await room.scripts.sweep(node.caller, now)
    t.match((await room.scripts.snapshot(NOBODY)).users, [
      { name: 'Ana', held: true },
      { name: 'Carla', held: true },
    ])
    t.match(await inboxOf(room, ana), [{ seq: 1 }])
    t.equal(await inboxOf(room, beto), 'lost')
    t.strictSame(await room.scripts.history(NOBODY, undefined, 10), [])
    await room.scripts.beat(node.caller)
    await memory('0')
    await expire(room)
    await memory('1')
    await room.scripts.sweep(node.caller, now)
    t.equal(await inboxOf(room, carla), 'lost')
    t.strictSame((await room.scripts.snapshot(NOBODY)).users, [])
  },
)

check('who was swept and held finds himself, as an owner of what is kept', async (t, room) => {
  const [node, other] = [await room.node('n'), await room.node('other')]
  const ana = await enter(node, 'Ana')
  await room.end('n')
  await room.scripts.sweep(other.caller, now)
  isWhole(t, await heldFor(room, ana))
  const [was] = (await room.scripts.snapshot(NOBODY)).users
  assert.ok(was?.held)
  const back = await room.node('back')
  await back.done({ ...claim(was), secretHash: ana.secret })
  t.equal(await heldFor(room, ana), undefined)
  t.strictSame(await room.admin.smembers(room.key('owned:back')), ['ana'])
  t.match((await room.scripts.snapshot(NOBODY)).users, [{ node: 'back', held: undefined, order: 1 }])
})

check(
  'whoever is not held any more is not shown out, whatever stands in the list of who is',
  async (t, room) => {
    const node = await room.node('n')
    const ana = await enter(node, 'Ana')
    await room.admin.zadd(room.key('held'), 1, ana.key, 1, 'nobody')
    t.match(await room.scripts.beat(node.caller), { swept: 2 })
    await room.scripts.sweep(node.caller, now)
    t.equal(await room.admin.exists(room.key('held')), 0)
    t.match((await room.scripts.snapshot(NOBODY)).users, [{ session: ana.session, node: 'n' }])
  },
)

check('a session whose data Redis has thrown away is lost, and breaks nothing', async (t, room) => {
  const node = await room.node('n')
  const ana = await enter(node, 'Ana')
  const mail = await room.listen(room.keys.mail('n'))
  await node.done(under('r', say(ana)), whisper(ana, 'Ana'), whisper(ana, 'Ana'))
  await room.admin.del(room.key(`session:${ana.secret}`))
  t.equal(await inboxOf(room, ana, 2), 'lost')
  const outcomes = await node.outcomes(under('r', say(ana)), whisper(ana, 'Ana'), hold(ana))
  t.match(outcomes, Array(3).fill({ ok: true }))
  t.equal(await inboxOf(room, ana, 2), 'lost')
  const tries = [whisper(ana, 'Ana'), resume(person('Ana'), ana.secret)]
  t.strictSame(short(await node.outcomes(...tries)), ['FENCED', 5])
  t.equal((await mail.take()).length, 2)
})
