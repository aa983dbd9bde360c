import { randomUUID } from 'node:crypto'
import t from 'tap'
import { FormatError } from '../../../src/backplane/redis/scripts.js'
import type { Position } from '../../../src/room/events.js'
import { join, leave, person, say } from '../../contract/people.js'
import { LEASE_MS, now, roomChecks, type ScriptNode, type ScriptRoom, short } from './kit.js'

const check = await roomChecks(t)

/** The offsets of what is read behind a position, an entry each, or `lost`. */
async function read(room: ScriptRoom, epoch: string, after: number, limit = 1000) {
  const { messages } = await room.scripts.read({ node: '', epoch: '' }, { epoch, offset: after }, limit)
  if (messages === 'lost') return messages
  return messages.map((message) =>
    message.kind === 'events' ? message.events.map(({ position }) => position.offset) : message.kind,
  )
}

/** Somebody, and so many batches of so much that he said. */
async function talk(node: ScriptNode, batches: number, each = 1) {
  const ana = await node.join('Ana')
  for (let batch = 0; batch < batches; batch += 1) await node.done(...Array(each).fill(say(ana)))
  return ana
}

/** The epoch that a script opens or finds. */
async function epochOf(room: ScriptRoom): Promise<string> {
  return (await room.scripts.snapshot({ node: '', epoch: '' })).position.epoch
}

check('an empty room has a position, too', async (t, room) => {
  const snapshot = await room.scripts.snapshot({ node: '', epoch: '' })
  t.match(snapshot, { position: { epoch: /^[0-9a-f]{16}[0-9a-z]+$/, offset: 0 }, users: [] })
  t.equal(await epochOf(room), snapshot.position.epoch, 'and keeps it')
  t.strictSame(await read(room, snapshot.position.epoch, 0), [])
})

check('what follows a position is read by entries, at most as many as are asked for', async (t, room) => {
  const node = await room.node('n')
  await talk(node, 3, 2)
  t.strictSame(await read(room, node.epoch, 0), [[1], [2, 3], [4, 5], [6, 7]])
  t.strictSame(await read(room, node.epoch, 1, 2), [
    [2, 3],
    [4, 5],
  ])
  t.strictSame(
    await read(room, node.epoch, 4),
    [
      [4, 5],
      [6, 7],
    ],
    'from the entry that has the next event',
  )
  t.strictSame(await read(room, node.epoch, 7), [])
})

check('where the log stands is told with what is read', async (t, room) => {
  const node = await room.node('n')
  await talk(node, 3)
  await room.admin.hset(room.key('meta'), 'claims_until', (await room.time()) + 600_000)
  const caller = { node: '', epoch: '' }
  const { position, claimsLeftMs } = await room.scripts.read(caller, node.at(0), 1)
  t.strictSame(position, node.at(4))
  t.ok(claimsLeftMs > 0 && claimsLeftMs <= 600_000)
  const lost = await room.scripts.read(caller, node.at(5), 1)
  t.strictSame([lost.position, lost.messages], [node.at(4), 'lost'])
})

check('a position that lies ahead, or of an epoch that is not known, is lost', async (t, room) => {
  const node = await room.node('n')
  await talk(node, 1)
  t.equal(await read(room, node.epoch, 3), 'lost')
  t.equal(await read(room, 'another', 0), 'lost')
  t.equal(await read(room, '', 0), 'lost')
})

check('a position is lost when what followed it was trimmed, and only then', async (t, room) => {
  const node = await room.node('n')
  await talk(node, 4, 3)
  const [, second] = await room.admin.xrange(room.key('log'), '-', '+')
  t.equal(second?.[0], '4-0')
  await room.admin.xtrim(room.key('log'), 'MINID', '7-0')
  for (const after of [0, 1, 2, 3]) t.equal(await read(room, node.epoch, after), 'lost', `${after}`)
  for (const after of [4, 5, 6]) t.notSame(await read(room, node.epoch, after), 'lost', `${after}`)
  t.strictSame(await read(room, node.epoch, 4), [
    [5, 6, 7],
    [8, 9, 10],
    [11, 12, 13],
  ])
})

check('a position is lost when the whole log is gone, but for the last', async (t, room) => {
  const node = await room.node('n')
  await talk(node, 4)
  await room.admin.del(room.key('log'))
  t.equal(await read(room, node.epoch, 4), 'lost')
  t.strictSame(await read(room, node.epoch, 5), [])
  t.strictSame(short(await node.outcomes(join(person('Beto')))), [6], 'and it goes on')
  t.strictSame(await read(room, node.epoch, 5), [[6]])
})

check(
  'the log is trimmed, and keeps as many events as it must',
  async (t, room) => {
    const node = await room.node('n')
    await talk(node, 1000)
    t.ok((await room.admin.xlen(room.key('log'))) < 500)
    t.equal((await read(room, node.epoch, 1001 - 50))?.length, 50)
    t.equal(await read(room, node.epoch, 0), 'lost')
  },
  { logLength: 50 },
)

check(
  'the log is trimmed by bytes, too, and keeps most of what it may hold',
  async (t, room) => {
    const node = await room.node('n')
    const ana = await node.join('Ana')
    const bytes = async () => {
      const entries = await room.admin.xrange(room.key('log'), '-', '+')
      return entries.reduce((sum, [, fields]) => sum + Buffer.byteLength(fields[1] ?? ''), 0)
    }
    for (let count = 0; count < 200; count += 1) {
      await node.done(say(ana, 'x'.repeat(1000)))
      t.ok((await bytes()) <= 100_000 * 1.25)
    }
    t.ok((await bytes()) > 100_000 * 0.75)
    const [[id] = ['']] = await room.admin.xrange(room.key('log'), '-', '+', 'COUNT', 1)
    const first = Number.parseInt(id, 10)
    t.equal(await read(room, node.epoch, first - 2), 'lost')
    t.equal((await read(room, node.epoch, first - 1))?.length, 201 - first + 1)
  },
  { logMaxBytes: 100_000 },
)

check(
  'a sweep trims the log, too',
  async (t, room) => {
    const [node, other] = [await room.node('n'), await room.node('other')]
    for (let index = 0; index < 300; index += 1) await node.join(`p${index}`)
    const before = await room.admin.xlen(room.key('log'))
    await room.scripts.leave(node.caller)
    t.strictSame(await room.scripts.sweep(other.caller, now), node.at(600))
    t.ok((await room.admin.xlen(room.key('log'))) < before)
    t.notSame(await read(room, node.epoch, 590), 'lost')
  },
  { logLength: 10 },
)

check(
  'after a restart the log goes on in another epoch, and who had seen all of it misses nothing',
  async (t, room) => {
    const node = await room.node('n')
    const ana = await talk(node, 2)
    const before = node.epoch
    await room.restarted()
    node.epoch = await epochOf(room)
    t.not(node.epoch, before)
    t.strictSame(await node.done(say(ana), say(ana)), [4, 5])
    t.strictSame(await read(room, before, 3), [[4, 5]], 'from the end of the epoch before')
    t.strictSame(await read(room, before, 1), [[2], [3], [4, 5]], 'from within it')
    t.strictSame(await read(room, node.epoch, 3), [[4, 5]], 'from the beginning of the new one')
    t.equal(await read(room, before, 4), 'lost', 'beyond its end something else had happened')
    const log = await room.log({ epoch: before, offset: 1 })
    t.strictSame(log === 'lost' ? log : log.map(({ position }) => position.epoch), [
      before,
      before,
      node.epoch,
      node.epoch,
    ])
  },
)

check(
  'a position of the epoch before that lies beyond its end is lost also when nothing has happened since',
  async (t, room) => {
    const node = await room.node('n')
    await talk(node, 2)
    const before = node.epoch
    await room.restarted()
    await epochOf(room)
    t.strictSame(await read(room, before, 3), [])
    t.equal(await read(room, before, 4), 'lost')
  },
)

check('positions of the last 32 epochs are good, up to where each of them ended', async (t, room) => {
  const node = await room.node('n')
  const ana = await talk(node, 2)
  const first = node.epoch
  await room.restarted()
  const second = await epochOf(room)
  node.epoch = second
  await node.done(say(ana))
  for (let times = 0; times < 31; times += 1) {
    await room.restarted()
    await epochOf(room)
  }
  t.strictSame(await read(room, first, 1), [[2], [3], [4]])
  t.equal(await read(room, first, 4), 'lost', 'it ended at 3')
  t.strictSame(await read(room, second, 4), [])
  await room.restarted()
  await epochOf(room)
  t.equal(await read(room, first, 1), 'lost', 'too long ago')
  t.strictSame(await read(room, second, 3), [[4]])
})

check('the time for claims is a whole lease', async (t, room) => {
  const node = await room.node('n')
  await room.forgotten()
  const { claimsLeftMs } = await room.scripts.read(node.caller, node.at(3), 1)
  t.ok(claimsLeftMs > LEASE_MS - 60_000 && claimsLeftMs <= LEASE_MS, `${claimsLeftMs} ms`)
})

check('where an epoch has less here than was seen of it, it is said where it ended', async (t, room) => {
  const node = await room.node('n')
  await talk(node, 2)
  await room.restarted()
  const ended = async (position: Position) => {
    return (await room.scripts.read({ node: '', epoch: '' }, position, 1)).endedAt
  }
  t.strictSame(await ended(node.at(9)), node.at(3))
  t.equal(await ended(node.at(3)), undefined)
  t.equal(await ended({ epoch: 'unknown', offset: 1 }), undefined)
})

check('a restart is noticed by whichever script runs first', async (t, room) => {
  const node = await room.node('n')
  const scripts = {
    enter: () => room.scripts.enter(node.caller, { label: 'n', startedAt: 0 }),
    beat: () => room.scripts.beat(node.caller),
    leave: () => room.scripts.leave({ ...node.caller, node: 'unknown' }),
    sweep: () => room.scripts.sweep(node.caller, now),
    commit: () => room.scripts.commit(node.caller, 100, []),
    read: () => room.scripts.read(node.caller, node.at(0), 1),
    snapshot: () => room.scripts.snapshot(node.caller),
    nodes: () => room.scripts.nodes(node.caller),
  }
  const epochs = new Set([node.epoch])
  for (const [name, run] of Object.entries(scripts)) {
    const before = await room.meta('epoch')
    await room.restarted()
    await run()
    t.not(await room.meta('epoch'), before, name)
    t.match(await room.meta('past'), `${before}:`, name)
    epochs.add((await room.meta('epoch')) ?? '')
  }
  t.equal(epochs.size, 9)
})

check(
  'a room that was forgotten begins at 0, and is open to newcomers when nobody knew it',
  async (t, room) => {
    const node = await room.node('n')
    await talk(node, 2)
    await room.forgotten()
    const stranger = await room.node('stranger')
    t.not(stranger.epoch, node.epoch)
    t.strictSame(await stranger.enter(), { position: stranger.at(0), claimsLeftMs: 0 })
    t.strictSame(short(await stranger.outcomes(join(person('Ana')))), [1])
  },
)

check(
  'a room that was forgotten waits for those who were there, when one of them opens it',
  async (t, room) => {
    const node = await room.node('n')
    const ana = await talk(node, 2)
    await room.forgotten()
    const { claimsLeftMs } = await room.scripts.read(node.caller, node.at(3), 1)
    t.ok(claimsLeftMs > 0 && claimsLeftMs <= 600_000)
    const again = await room.node('again')
    t.strictSame(short(await again.outcomes(join(person('Beto')), join(ana, { order: 1 }))), ['wait', 1])
    t.equal(await read(room, node.epoch, 3), 'lost')
  },
)

check(
  'a room that was forgotten waits for those who were there, also when a newcomer has opened it',
  async (t, room) => {
    const node = await room.node('n')
    await talk(node, 2)
    await room.forgotten()
    const stranger = await room.node('stranger')
    const { claimsLeftMs } = await room.scripts.read(node.caller, node.at(3), 1)
    t.ok(claimsLeftMs > 0 && claimsLeftMs <= 600_000)
    t.strictSame(short(await stranger.outcomes(join(person('Beto')))), ['wait'])

    await room.admin.hset(room.key('meta'), 'claims_until', (await room.time()) - 1)
    const late = await room.scripts.read(node.caller, node.at(3), 1)
    t.equal(late.claimsLeftMs, 0, 'once')
  },
)

check('a log without the rest of what was kept is not gone on with', async (t, room) => {
  const node = await room.node('n')
  await talk(node, 5)
  await room.admin.del(room.key('meta'))
  const other = await room.node('other')
  t.strictSame(short(await other.outcomes(join(person('Eva')))), [1])
  t.strictSame(await read(room, other.epoch, 0), [[1]])
  t.strictSame(
    (await room.scripts.snapshot(other.caller)).users.map(({ name }) => name),
    ['Eva'],
  )
  t.match(await room.scripts.beat(node.caller), { known: false })
})

check(
  'a snapshot has everyone present in the order of joining, and the position of just that',
  async (t, room) => {
    const [one, two] = [await room.node('one'), await room.node('two')]
    const people = []
    for (let index = 0; index < 20; index += 1) people.push(await [one, two][index % 2]?.join(`p${index}`))
    const [first] = people
    if (first !== undefined) await one.done(leave(first))
    const { position, users } = await room.scripts.snapshot(one.caller)
    t.strictSame(position, one.at(21))
    t.strictSame(
      users.map(({ name, node, order }) => [name, node, order]),
      Array.from({ length: 19 }, (_, index) => [`p${index + 1}`, index % 2 === 0 ? 'two' : 'one', index + 2]),
    )
  },
)

check('a format that is not known is refused by every script, and nothing is touched', async (t, room) => {
  const node = await room.node('n')
  await room.restarted()
  await room.admin.hset(room.key('meta'), 'format', '7')
  const before = await room.kept()
  for (const run of [
    () => node.enter(),
    () => room.scripts.beat(node.caller),
    () => room.scripts.leave(node.caller),
    () => room.scripts.sweep(node.caller, now),
    () => node.commit(join(person('Ana'))),
    () => room.scripts.read(node.caller, node.at(0), 1),
    () => room.scripts.snapshot(node.caller),
    () => room.scripts.nodes(node.caller),
  ]) {
    const error = await run().catch((error: unknown) => error)
    t.ok(error instanceof FormatError)
    t.match(error, { message: /^TERTULIAFORMAT 7 is the format of what is kept here; this node knows \d/ })
  }
  t.strictSame(await room.kept(), before)
})

check('scripts that Redis has forgotten are sent again', async (t, room) => {
  const node = await room.node('n')
  await room.admin.script('FLUSH')
  t.strictSame(await node.done(join(person('Ana'))), [1])
  await room.admin.script('FLUSH')
  t.match(await room.scripts.beat(node.caller), { known: true })
  const sent = async () => {
    const stats = await room.server.info('commandstats', 'cmdstat_eval')
    return Number(/calls=(\d+)/.exec(stats ?? '')?.[1] ?? 0)
  }
  const before = await sent()
  await node.done(join(person('Beto')), join(person('Eva')))
  await room.scripts.beat(node.caller)
  t.equal(await sent(), before + 1, 'once: the beat was there already')
})

check('what another has put in the place of a key is said, and nothing is half done', async (t, room) => {
  const node = await room.node('n')
  await room.admin.set(room.key('users'), randomUUID())
  await t.rejects(node.commit(join(person('Ana'))), /^WRONGTYPE/)
  t.equal(await room.admin.exists(room.key('log')), 0)
})
