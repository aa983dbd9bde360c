import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import type { Snapshot } from '../../../src/backplane/backplane.js'
import type { RedisAddress } from '../../../src/backplane/redis/connection.js'
import { Directory } from '../../../src/room/directory.js'
import { changeStatus, join, leave, type Person, person, say } from '../../contract/people.js'
import { isEvent, RecordingSink } from '../../contract/recording-sink.js'
import { needsRedis } from '../../support/redis/find.js'
import { Sentinel } from '../../support/redis/sentinel.js'
import { RedisServer } from '../../support/redis/server.js'
import { until } from '../../support/until.js'
import { startRedis } from './kit.js'
import { INFO, Node, type NodeOptions } from './nodes.js'

const options = await needsRedis(t)
const FAILOVER_MS = 30_000

/** A master, a replica, and a sentinel that puts the one in the place of the other. */
async function servers(t: Test) {
  const master = await startRedis(t)
  const replica = await RedisServer.replicaOf(master)
  t.teardown(() => replica.close())
  const sentinel = await startSentinel(t, master)
  await sentinel.knows({ replicas: 1, otherSentinels: 0 })
  // A new replica is sent nothing before it has acknowledged what it began with.
  await master.call('SET', 'something', '')
  await master.caughtUpBy(replica)
  return { master, replica, sentinel }
}

/** Where the log of the only room stands. */
async function offsetIn(server: RedisServer): Promise<number> {
  const [meta] = [await server.call('KEYS', '*:meta')].flat()
  return Number(await server.call('HGET', String(meta), 'offset'))
}

async function startSentinel(t: Test, master: RedisServer): Promise<Sentinel> {
  const sentinel = await Sentinel.start({ master })
  t.teardown(() => sentinel.close())
  return sentinel
}

/** What a node says, one after the other, and what became of it. */
class Speaker {
  readonly node: Node
  /** The room as it was when the node began. */
  readonly began: Snapshot
  readonly person: Person
  readonly outcomes = new Map<string, string>()
  #talking: Promise<void> | undefined
  #stopped = false

  private constructor(node: Node, began: Snapshot, person: Person) {
    this.node = node
    this.began = began
    this.person = person
  }

  static async on(node: Node, name: string): Promise<Speaker> {
    const began = await node.start()
    return new Speaker(node, began, await node.join(name))
  }

  /** Everyone present, as the node was told. */
  present(): unknown[] {
    let directory = new Directory(this.began)
    for (const told of this.node.sink.told) {
      if (told.kind === 'reset') directory = new Directory(told.snapshot)
      else if (isEvent(told)) directory.apply(told)
    }
    return [...directory.users()]
  }

  /** Events that do not follow each other; after a reset any may come. */
  gaps(): string[] {
    let last: number | undefined = this.began.position.offset
    return this.node.sink.told.flatMap((told) => {
      if (told.kind === 'reset') last = undefined
      if (!isEvent(told)) return []
      const { epoch, offset } = told.position
      const gap = last === undefined || offset === last + 1 ? [] : [`${epoch}-${offset} after ${last}`]
      last = offset
      return gap
    })
  }

  talk(): void {
    this.#talking = (async () => {
      for (let count = 0; !this.#stopped; count += 1) await this.say(`${this.person.name} ${count}`)
    })()
  }

  async say(content: string): Promise<void> {
    this.outcomes.set(content, 'under way')
    const [outcome = ''] = await this.node.commit(say(this.person, content))
    this.outcomes.set(content, outcome)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#talking
  }

  /** What had this outcome. */
  that(outcome: string): string[] {
    return [...this.outcomes].flatMap(([content, became]) => (became === outcome ? [content] : []))
  }
}

function addressOf(sentinels: readonly Sentinel[]): RedisAddress {
  return { sentinels: sentinels.map(({ port }) => ({ host: '127.0.0.1', port })) }
}

/** Three nodes that find Redis by sentinels, each with somebody who talks. */
async function cluster(t: Test, ...sentinels: Sentinel[]) {
  const keyPrefix = randomUUID()
  const address = addressOf(sentinels)
  const speakers: Speaker[] = []
  for (const name of ['Ana', 'Beto', 'Carla']) {
    const options: NodeOptions = { address, keyPrefix, commitTimeoutMs: FAILOVER_MS }
    const node = new Node(t, options)
    speakers.push(await Speaker.on(node, name))
  }
  return speakers
}

async function allInTouch(speakers: readonly Speaker[]): Promise<void> {
  for (const { node } of speakers)
    await until('it is in touch', () => node.sink.healths.at(-1) === true, FAILOVER_MS)
}

/** All nodes have the same room, and it is the one that Redis has. */
async function sameRoom(t: Test, speakers: readonly Speaker[]): Promise<void> {
  for (const { node } of speakers) await node.catchUp()
  const snapshots = await Promise.all(speakers.map(({ node }) => node.backplane.snapshot()))
  for (const [index, speaker] of speakers.entries()) {
    t.strictSame(snapshots[index], snapshots[0])
    t.strictSame(speaker.present(), [...(snapshots[0]?.users ?? [])])
    t.strictSame(speaker.gaps(), [])
  }
}

/** What the log holds of what was said. */
async function logged({ backplane }: Node): Promise<Set<string>> {
  const { position } = await backplane.snapshot()
  const contents = new Set<string>()
  for (let after = 0; after < position.offset; ) {
    const slice = await backplane.read({ ...position, offset: after }, 1000)
    assert.ok(slice !== 'lost' && slice.events.length > 0)
    for (const event of slice.events) {
      if (event.kind === 'said') contents.add(JSON.parse(Buffer.from(event.frame).toString()).content)
      after = event.position.offset
    }
  }
  return contents
}

t.test(
  'a failover under load: all nodes go on in the same room, and what is lost is known',
  options,
  async (t) => {
    const { master, replica, sentinel } = await servers(t)
    const speakers = await cluster(t, sentinel)
    for (const speaker of speakers) speaker.talk()
    await until('talk', () => speakers.every(({ outcomes }) => outcomes.size > 100))
    await master.kill()
    const underWay = speakers.flatMap((speaker) => speaker.that('under way'))
    for (const { node } of speakers) await until('it is cut off', () => node.sink.healths.at(-1) === false)
    await allInTouch(speakers)
    t.equal(await sentinel.masterPort(), replica.port)
    const counts = speakers.map(({ outcomes }) => outcomes.size)
    await until('talk', () =>
      speakers.every(({ outcomes }, index) => outcomes.size > (counts[index] ?? 0) + 100),
    )
    for (const speaker of speakers) await speaker.stop()
    await sameRoom(t, speakers)

    const kept = await logged(speakers[0]?.node ?? assert.fail())
    const accepted = speakers.flatMap((speaker) => speaker.that('ok'))
    const lost = accepted.filter((content) => !kept.has(content))
    t.comment(`${accepted.length} messages were accepted, of which the failover lost ${lost.length}`)
    for (const speaker of speakers) {
      const { said } = speaker.node.sink
      const twice = said.filter((content, index) => said.indexOf(content) !== index)
      t.comment(`${speaker.person.name} saw ${twice.length} twice`)
      t.strictSame(
        twice.filter((content) => !underWay.includes(content)),
        [],
        'only what was under way at that moment can be seen twice',
      )
      const seen = new Set(said)
      const refused = speakers.flatMap((other) => other.that('UNAVAILABLE'))
      t.strictSame(
        refused.filter((content) => seen.has(content)),
        [],
        'what was refused is not seen',
      )
    }
  },
)

t.test('a replica that is behind is put in charge: all nodes end in what it has', options, async (t) => {
  const { master, replica, sentinel } = await servers(t)
  const speakers = await cluster(t, sentinel)
  const [ana, beto, carla] = speakers
  assert.ok(ana && beto && carla)
  for (const speaker of speakers)
    for (let count = 0; count < 20; count += 1) await speaker.say(`${speaker.person.name} ${count}`)
  await master.caughtUpBy(replica)
  const before = await ana.node.backplane.snapshot()
  await replica.call('REPLICAOF', '127.0.0.1', '1')

  for (const speaker of speakers)
    for (let count = 0; count < 20; count += 1) await speaker.say(`lost ${speaker.person.name} ${count}`)
  const eva = person('Eva')
  t.strictSame(await beto.node.commit(changeStatus(beto.person, 'OCUPADO'), join(eva)), ['ok', 'ok'])
  t.strictSame(await carla.node.commit(leave(carla.person)), ['ok'])
  for (const { node } of speakers) await node.catchUp()
  await master.kill()
  for (const { node } of speakers) await until('it is cut off', () => node.sink.healths.at(-1) === false)
  await allInTouch(speakers)
  t.equal(await sentinel.masterPort(), replica.port)
  await sameRoom(t, speakers)

  const after = await ana.node.backplane.snapshot()
  t.not(after.position.epoch, before.position.epoch)
  t.strictSame(after.users, before.users)
  for (const { node } of speakers) t.equal(node.sink.kinds.at(-1), 'reset')
  const kept = await logged(ana.node)
  const lost = speakers.flatMap((speaker) => speaker.that('ok')).filter((content) => !kept.has(content))
  t.comment(`the failover lost ${lost.length} messages, a status, an arrival and a departure`)
  t.equal(lost.length, 60)
  t.ok(
    lost.every((content) => content.startsWith('lost ')),
    'and nothing that the replica had',
  )

  t.strictSame(await beto.node.commit(join(eva), changeStatus(beto.person, 'OCUPADO')), ['ok', 'ok'])
  await sameRoom(t, speakers)
})

t.test('a master that froze and wakes up after its replacement changes nothing', options, async (t) => {
  const { master, replica, sentinel } = await servers(t)
  const speakers = await cluster(t, sentinel)
  for (const { node } of speakers) await node.catchUp()
  await master.caughtUpBy(replica)
  const before = await offsetIn(master)
  await master.pause()
  for (const speaker of speakers) speaker.talk()
  for (const { node } of speakers)
    await until('it is cut off', () => node.sink.healths.at(-1) === false, FAILOVER_MS)
  await allInTouch(speakers)
  t.equal(await sentinel.masterPort(), replica.port)
  await master.resume()
  // What had been sent to it takes effect there, or it is told by then that it is a replica.
  const went = async () =>
    (await offsetIn(master)) > before || (await master.info('replication', 'role')) === 'slave'
  await until('it goes on', () => went().catch(() => false), FAILOVER_MS)
  const counts = speakers.map(({ outcomes }) => outcomes.size)
  await until('talk', () =>
    speakers.every(({ outcomes }, index) => outcomes.size > (counts[index] ?? 0) + 100),
  )
  for (const speaker of speakers) await speaker.stop()
  await sameRoom(t, speakers)
  for (const { node } of speakers)
    t.equal(new Set(node.sink.said).size, node.sink.said.length, 'nothing is seen twice')
  t.strictSame(
    speakers.flatMap((speaker) => [...speaker.outcomes.values()]).filter((outcome) => outcome !== 'ok'),
    [],
  )
})

t.test('a sentinel that does not answer is passed over', options, async (t) => {
  const master = await startRedis(t)
  const sentinels = [await startSentinel(t, master), await startSentinel(t, master)]
  await sentinels[0]?.pause()
  const node = new Node(t, { address: addressOf(sentinels) })
  await node.start()
  await node.join('Ana')
  const { port } = master
  t.match(node.log.lines[0], { message: 'shares the room over Redis', fields: { host: '127.0.0.1', port } })
})

t.test('what is wrong with sentinels is said', options, async (t) => {
  const master = await startRedis(t)
  const [sentinel, dead] = [await startSentinel(t, master), await startSentinel(t, master)]
  await dead.kill()
  const errors = async (address: RedisAddress) => {
    const { log, backplane } = new Node(t, { address })
    backplane.start(INFO, new RecordingSink()).catch(() => {})
    await until('it is said', () => log.count('Redis cannot be reached: trying until it can') > 0)
    return log.errors[0]
  }
  const [unknown, unreachable] = await Promise.all([
    errors({ ...addressOf([sentinel]), sentinelName: 'other' }),
    errors(addressOf([dead])),
  ])
  t.match(unknown, `sentinel 127.0.0.1:${sentinel.port} because ERR No such master with that name`)
  t.match(unreachable, `failed to connect to sentinel 127.0.0.1:${dead.port}`)
})
