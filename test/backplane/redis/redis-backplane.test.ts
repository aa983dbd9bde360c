import assert from 'node:assert/strict'
import t from 'tap'
import { join, leave, person, say } from '../../contract/people.js'
import { positions } from '../../contract/room.js'
import { until } from '../../support/until.js'
import { roomChecks, ScriptRoom, startRedis } from './kit.js'
import { Fork, Node } from './nodes.js'

const check = await roomChecks(t)
const DEAF = 'nothing is heard from Redis: connecting again'

check(
  'a listener that hears nothing without knowing it connects again, and misses nothing',
  async (t, room) => {
    const fork = await Fork.to(t, room.server.port)
    const node = await Node.start(t, room, { address: { url: fork.url } })
    const ana = await node.join('Ana')
    await node.catchUp()
    await fork.listener.blackhole('toClient')
    t.strictSame(await node.commit(say(ana, 'unheard')), ['ok'])
    await until('it is found out', () => node.log.count(DEAF) > 0)
    t.strictSame(node.sink.said, [])
    await fork.listener.restore()
    await node.catchUp()
    await until('it is in touch', () => node.sink.healths.at(-1) === true)
    t.strictSame(node.sink.said, ['unheard'])
    t.strictSame(node.sink.healths, [false, true])
    t.equal(node.log.count(DEAF), 1)
  },
)

check('a node that hears itself does not connect again', async (t, room) => {
  const node = await Node.start(t, room)
  await node.beats(room, 5)
  t.equal(node.log.count(DEAF), 0)
  t.strictSame(node.sink.healths, [])
})

check(
  'a node that was swept begins under another identity, and connects no line again for it',
  async (t, room) => {
    const node = await Node.start(t, room)
    const ana = await node.join('Ana')
    const before = node.id
    await room.end(before)
    await node.sink.until('it is told', (told) => told.some(({ kind }) => kind === 'lapsed'))
    t.not(node.id, before)
    t.match(node.id, /^node-[0-9a-f]{16}$/)
    t.strictSame(
      node.sink.kinds,
      ['joined', 'left', 'lapsed'],
      'it sees its users leave before it is to claim them',
    )
    await until('it is in touch', () => node.sink.healths.at(-1) === true)
    t.strictSame(node.sink.healths, [false, true])
    t.strictSame(await node.commit(say(ana)), ['FENCED'])
    t.strictSame(await node.commit(join(ana, { order: 1 }), say(ana)), ['ok', 'ok'])
    await node.beats(room, 5)
    t.equal(node.log.count(DEAF), 0)
    t.strictSame(node.sink.healths, [false, true])
  },
)

check(
  'what a node that was swept had under way is fenced; a newcomer waits for its return',
  async (t, room) => {
    const node = await Node.start(t, room, { beatMs: 600_000, leaseMs: 2_000_000 })
    const ana = await node.join('Ana')
    await room.end(node.id)
    const beto = person('Beto')
    t.strictSame(await node.commit(say(ana, 'in an old name'), join(beto)), ['FENCED', 'ok'])
    await node.catchUp()
    t.strictSame(node.sink.said, [])
    t.strictSame(node.sink.kinds, ['joined', 'left', 'lapsed', 'joined'])
    t.match(await node.backplane.find(beto.key), { node: node.id })
  },
)

check('a batch whose answer was lost is sent again, and takes effect once', async (t, room) => {
  const fork = await Fork.to(t, room.server.port)
  const node = await Node.start(t, room, { address: { url: fork.url } })
  const other = await Node.start(t, room)
  const ana = await node.join('Ana')
  for (let times = 0; times < 3; times += 1) {
    await fork.commands.blackhole('toClient')
    const outcomes = node.backplane.commit([say(ana, `${times}`), say(ana, `${times}!`)])
    await other.sink.until('it has taken effect', () => other.sink.said.includes(`${times}!`))
    await fork.commands.drop()
    await fork.commands.restore()
    const [first, second] = positions(await outcomes)
    t.equal(second?.offset, (first?.offset ?? 0) + 1)
  }
  await Promise.all([node.catchUp(), other.catchUp()])
  for (const { sink } of [node, other]) t.strictSame(sink.said, ['0', '0!', '1', '1!', '2', '2!'])
})

check('a batch that never came to Redis is sent again, too', async (t, room) => {
  const fork = await Fork.to(t, room.server.port)
  const node = await Node.start(t, room, { address: { url: fork.url } })
  const ana = await node.join('Ana')
  await fork.commands.blackhole('toServer')
  const outcomes = node.commit(say(ana, 'late'))
  await until(
    'it is noticed',
    () => node.log.count('a batch was not answered: it is sent again until it is') > 0,
  )
  fork.commands.killAll()
  await fork.commands.restore()
  t.strictSame(await outcomes, ['ok'])
  await node.catchUp()
  t.strictSame(node.sink.said, ['late'])
})

check(
  'while Redis is away, what is said is refused in time, and who leaves leaves when it is back',
  async (t, room) => {
    const fork = await Fork.to(t, room.server.port)
    const node = await Node.start(t, room, { address: { url: fork.url }, commitTimeoutMs: 100 })
    const ana = await node.join('Ana')
    const beto = await node.join('Beto')
    await fork.commands.drop()
    await until('it is noticed', () => node.sink.healths.at(-1) === false)
    t.strictSame(await node.commit(say(ana, 'to nobody')), ['UNAVAILABLE'])
    const left = node.commit(leave(beto))
    t.strictSame(await node.commit(say(ana, 'to nobody either'), join(person('Eva'))), [
      'UNAVAILABLE',
      'UNAVAILABLE',
    ])
    await t.rejects(node.backplane.find(ana.key))
    await fork.commands.restore()
    t.strictSame(await left, ['ok'])
    await until('it is in touch', () => node.sink.healths.at(-1) === true)
    t.strictSame(await node.commit(say(ana, 'again')), ['ok'])
    await node.catchUp()
    t.strictSame(node.sink.said, ['again'])
    t.equal(node.log.count('Redis cannot be reached'), 1)
  },
)

check(
  'a restart that lost nothing is another epoch, and what is said meanwhile is said in it',
  async (t, room) => {
    const node = await Node.start(t, room, { beatMs: 600_000, leaseMs: 2_000_000 })
    const ana = await node.join('Ana')
    await node.catchUp()
    const [before] = node.sink.log
    await room.restarted()
    const [position] = positions(await node.backplane.commit([say(ana, 'after')]))
    t.not(position?.epoch, before?.position.epoch)
    await node.catchUp()
    t.strictSame(node.sink.kinds, ['joined', 'epoch', 'said'])
    const { epoch } = before?.position ?? { epoch: '' }
    const slice = await node.backplane.read({ epoch, offset: 0 }, 10)
    t.strictSame(slice === 'lost' ? slice : slice.events, node.sink.log, 'the epoch before can still be read')
  },
)

check('Redis that restarts again and again keeps nobody waiting for ever', async (t, room) => {
  const node = await Node.start(t, room)
  const ana = await node.join('Ana')
  const outcomes = []
  for (let count = 0; count < 100; count += 1) {
    outcomes.push(node.commit(say(ana, `${count}`)))
    await room.restarted()
    await room.scripts.snapshot({ node: '', epoch: '' })
  }
  t.strictSame((await Promise.all(outcomes)).flat(), Array(100).fill('ok'))
  await node.catchUp()
  t.strictSame(
    node.sink.said,
    outcomes.map((_, count) => `${count}`),
  )
})

check('nobody is swept for the absence of Redis itself', async (t, room) => {
  const options = { beatMs: 100, leaseMs: 1000 }
  const nodes = [await Node.start(t, room, options), await Node.start(t, room, options)]
  const before = nodes.map(({ id }) => id)
  for (const [index, node] of nodes.entries()) await node.join(`p${index}`)
  const start = performance.now()
  await room.server.pause()
  t.teardown(() => room.server.resume())
  await until('a time longer than a lease', () => performance.now() - start > 2500)
  await room.server.resume()
  for (const node of nodes) await until('it is in touch', () => node.sink.healths.at(-1) === true)
  await nodes[0]?.beats(room, 12)
  t.strictSame(
    nodes.map(({ id }) => id),
    before,
  )
  for (const { sink } of nodes)
    t.strictSame(
      sink.kinds.filter((kind) => kind === 'left' || kind === 'lapsed'),
      [],
    )
})

check('a node that is cut off is swept by the others, and comes back as another', async (t, room) => {
  const options = { beatMs: 100, leaseMs: 1000 }
  const fork = await Fork.to(t, room.server.port)
  const node = await Node.start(t, room, { ...options, address: { url: fork.url } })
  const other = await Node.start(t, room, options)
  const before = node.id
  const ana = await node.join('Ana')
  await fork.commands.blackhole()
  await fork.listener.blackhole()
  await other.sink.until('Ana is shown out', (told) => told.some(({ kind }) => kind === 'left'))
  t.strictSame(
    (await other.backplane.nodes()).map(({ id }) => id),
    [other.id],
  )
  await fork.commands.restore()
  await fork.listener.restore()
  await node.sink.until('it is told', (told) => told.some(({ kind }) => kind === 'lapsed'))
  t.strictSame(node.sink.kinds, ['joined', 'left', 'lapsed'])
  t.not(node.id, before)
  t.strictSame(await node.commit(join(ana, { order: 1 })), ['ok'])
})

check('a node that was swept comes back also when its listener has died without a word', async (t, room) => {
  const fork = await Fork.to(t, room.server.port)
  const node = await Node.start(t, room, { address: { url: fork.url } })
  const before = node.id
  await fork.listener.blackhole()
  await room.end(before)
  await until('it begins to listen anew', () => fork.listener.connections > 1)
  await fork.listener.restore()
  await node.sink.until('it is told', (told) => told.some(({ kind }) => kind === 'lapsed'))
  t.not(node.id, before)
})

check('a node waits for Redis at its start, and says so once', async (t, room) => {
  const fork = await Fork.to(t, room.server.port)
  await Promise.all([fork.commands.drop(), fork.listener.drop()])
  const node = Node.in(t, room, { address: { url: fork.url } })
  const started = node.start()
  const said = 'Redis cannot be reached: trying until it can'
  await until('it is said', () => node.log.count(said) > 0)
  t.strictSame(await node.commit(join(person('Ana'))), ['UNAVAILABLE'])
  await Promise.all([fork.commands.restore(), fork.listener.restore()])
  t.match(await started, { position: { offset: 0 }, users: [] })
  t.equal(node.log.count(said), 1)
  await node.join('Ana')
})

check('a node whose start is given up ends it', async (t, room) => {
  const fork = await Fork.to(t, room.server.port)
  await Promise.all([fork.commands.drop(), fork.listener.drop()])
  const node = Node.in(t, room, { address: { url: fork.url } })
  const started = node.start()
  const failed = t.rejects(started)
  await until('it tries', () => node.log.messages.length > 0)
  await node.backplane.close()
  await failed
})

check('a node does not start on what another version keeps', async (t, room) => {
  await room.node('n')
  await room.admin.hset(room.key('meta'), 'format', '7')
  const node = Node.in(t, room)
  await t.rejects(node.start(), {
    name: 'FormatError',
    message: /^TERTULIAFORMAT 7/,
  })
})

check('a policy that throws keys away is warned of', async (t, room) => {
  const warning = 'Redis may throw away what it keeps: its maxmemory-policy should be noeviction'
  t.equal((await Node.start(t, room)).log.count(warning), 0)
  t.teardown(() => room.server.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction'))
  await room.server.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
  t.equal((await Node.start(t, room)).log.count(warning), 1)
})

check('a node shows out those who died while nobody was there', async (t, room) => {
  const dead = await room.node('dead')
  await dead.join('Ana')
  await room.scripts.leave(dead.caller)
  const node = Node.in(t, room)
  t.match(await node.start(), { users: [], position: { offset: 2 } })
})

check('closing shows out whom the node holds, at once', async (t, room) => {
  const [node, other] = [await Node.start(t, room), await Node.start(t, room)]
  await node.join('Ana')
  await node.backplane.close()
  await node.backplane.close()
  await other.catchUp()
  t.strictSame(other.sink.kinds, ['joined', 'left'])
  t.strictSame(
    (await other.backplane.nodes()).map(({ id }) => id),
    [other.id],
  )
  t.strictSame(await node.commit(join(person('Beto'))), ['UNAVAILABLE'])
})

check('closing ends also when Redis is away, or does not answer', async (t, room) => {
  for (const cut of ['drop', 'blackhole'] as const) {
    const fork = await Fork.to(t, room.server.port)
    const node = await Node.start(t, room, { address: { url: fork.url } })
    const ana = await node.join(`Ana ${cut}`)
    await fork.commands[cut]()
    await fork.listener[cut]()
    const outcomes = [node.commit(say(ana)), node.commit(leave(ana))]
    await node.backplane.close()
    for (const outcome of outcomes) t.strictSame(await outcome, ['UNAVAILABLE'])
  }
})

check('a node reads at most as much as it is asked for', async (t, room) => {
  const node = await Node.start(t, room)
  const ana = await node.join('Ana')
  await node.commit(say(ana), say(ana), say(ana))
  const { position } = await node.backplane.snapshot()
  for (const limit of [0, 1, 2, 100]) {
    const slice = await node.backplane.read({ ...position, offset: 2 }, limit)
    assert.ok(slice !== 'lost')
    t.strictSame([slice.events.length, slice.head], [Math.min(limit, 2), position])
  }
})

t.test('what nodes share beside the log', async (t) => {
  const server = await startRedis(t)
  const room = new ScriptRoom(t, server)
  const fork = await Fork.to(t, server.port)
  await fork.commands.drop()
  const node = Node.in(t, room, { address: { url: fork.url } })
  node.start().catch(() => {})
  const kept = node.backplane.store.putIfAbsent('kind', 'key', 'mine')
  const other = await Node.start(t, room)
  t.equal(await other.backplane.store.putIfAbsent('kind', 'key', 'theirs'), 'theirs')
  await fork.commands.restore()
  t.equal(await kept, 'theirs', 'it waits for Redis')
  await other.backplane.close()
  await t.rejects(other.backplane.store.putIfAbsent('kind', 'key', 'late'))
})

check('when Redis has no memory left, people can still leave, and it is said once', async (t, room) => {
  const node = await Node.start(t, room)
  const [ana, beto] = [await node.join('Ana'), await node.join('Beto')]
  t.teardown(() => room.server.call('CONFIG', 'SET', 'maxmemory', '0'))
  await room.server.call('CONFIG', 'SET', 'maxmemory', '1')
  for (let times = 0; times < 3; times += 1) t.strictSame(await node.commit(say(ana)), ['UNAVAILABLE'])
  t.strictSame(await node.commit(leave(ana)), ['ok'])
  t.strictSame(await node.commit(say(beto), leave(beto)), ['UNAVAILABLE', 'ok'])
  t.strictSame((await node.backplane.snapshot()).users, [])
  t.ok(node.log.count('Redis has no memory left: what is sent is refused') <= 2)
  await room.server.call('CONFIG', 'SET', 'maxmemory', '0')
  await node.join('Eva')
})

check(
  'a batch whose answer was lost is told what became of it also when its node was swept since',
  async (t, room) => {
    const fork = await Fork.to(t, room.server.port)
    const node = await Node.start(t, room, { address: { url: fork.url } })
    const other = await Node.start(t, room)
    const ana = await node.join('Ana')
    await fork.commands.blackhole('toClient')
    const outcome = node.commit(say(ana, 'heard'))
    await other.sink.until('it is heard', () => other.sink.said.includes('heard'))
    await room.end(node.id)
    await other.sink.until('Ana is shown out', () => other.sink.kinds.includes('left'))
    await fork.commands.drop()
    await fork.commands.restore()
    await node.sink.until('it is told', (told) => told.some(({ kind }) => kind === 'lapsed'))
    t.strictSame(await outcome, ['ok'])
  },
)

check('who starts first ends nodes whose lease ran out, and shows their users out', async (t, room) => {
  const [dead, alive] = [await room.node('dead'), await room.node('alive')]
  await dead.join('Ana')
  await room.scripts.beat(alive.caller)
  await room.expire('dead')
  t.match(await Node.in(t, room).start(), { users: [], position: { offset: 2 } })
})
