import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { createConnection } from '../../../src/backplane/redis/connection.js'
import { Follower } from '../../../src/backplane/redis/follower.js'
import type { Scripts } from '../../../src/backplane/redis/scripts.js'
import type { Position } from '../../../src/room/events.js'
import { changeStatus, frameOf, join, leave, type Person, say, whisper } from '../../contract/people.js'
import { isEvent, RecordingSink, type Told } from '../../contract/recording-sink.js'
import { TcpProxy } from '../../support/tcp-proxy.js'
import { until } from '../../support/until.js'
import { LEASE_MS, roomChecks, type ScriptNode, type ScriptRoom, TestLog } from './kit.js'

const check = await roomChecks(t)

/** A follower whose line to Redis, and whose way to the log, can be cut. */
class Bench {
  readonly follower: Follower
  readonly sink = new RecordingSink()
  readonly log = new TestLog()
  readonly redis: Redis
  readonly room: ScriptRoom
  /** What the follower reads the log by. */
  readonly scripts: Scripts
  /** Before the listening connection, */
  readonly line: TcpProxy
  /** and before the one that the log is read over. */
  readonly reading: TcpProxy
  /** Who says things. */
  readonly node: ScriptNode
  changes = 0
  #began: Position = { epoch: '', offset: 0 }

  private constructor(t: Test, room: ScriptRoom, node: ScriptNode, line: TcpProxy, reading: TcpProxy) {
    this.room = room
    this.node = node
    this.line = line
    this.reading = reading
    this.redis = connect(t, line, 'listener')
    this.scripts = room.scriptsOver(connect(t, reading, 'reading'))
    this.follower = new Follower({
      redis: this.redis,
      keys: room.keys,
      scripts: this.scripts,
      sink: this.sink,
      log: this.log,
      caller: () => ({ node: 'follower', epoch: this.follower.told.epoch }),
      onChange: () => {
        this.changes += 1
      },
    })
    t.teardown(async () => {
      this.follower.close()
      await Promise.all([line.close(), reading.close()])
    })
  }

  /** A follower that listens, and has not begun. */
  static async connect(t: Test, room: ScriptRoom): Promise<Bench> {
    const { port } = room.server
    const [line, reading] = [await TcpProxy.to(port), await TcpProxy.to(port)]
    const bench = new Bench(t, room, await room.node(randomUUID()), line, reading)
    await bench.redis.connect()
    await bench.follower.listen('follower')
    return bench
  }

  /** One that has begun. */
  static async open(t: Test, room: ScriptRoom): Promise<Bench> {
    const bench = await Bench.connect(t, room)
    await bench.begin()
    return bench
  }

  async begin(): Promise<void> {
    const snapshot = await this.room.scripts.snapshot(this.node.caller)
    this.#began = snapshot.position
    this.follower.begin(snapshot)
  }

  /** What was told, in short: `reset`, `epoch`, or the frame's content, or who joined. */
  get told(): string[] {
    return this.sink.told.map(brief)
  }

  /** Waits until everything up to where the log stands now has been told. */
  async catchUp(): Promise<void> {
    const { position } = await this.room.scripts.snapshot(this.node.caller)
    await until('everything is told', () => {
      const { epoch, offset } = this.follower.told
      return epoch === position.epoch && offset >= position.offset
    })
  }

  /** Whether the sink was told everything, once and in order. */
  faults(): string[] {
    return this.sink.faults(this.#began)
  }

  /** Drops what is published to all, until it is let in again; private messages still come. */
  async deafen(): Promise<void> {
    await this.redis.unsubscribe(this.room.keys.events)
  }

  async hearAgain(): Promise<void> {
    await this.redis.subscribe(this.room.keys.events)
  }

  /** Redis was restarted with its data, and the writer knows. */
  async restart(): Promise<void> {
    await this.room.restarted()
    this.node.epoch = (await this.room.scripts.snapshot({ node: '', epoch: '' })).position.epoch
  }
}

function connect(t: Test, { port }: TcpProxy, name: string): Redis {
  const redis = createConnection({ url: `redis://127.0.0.1:${port}` }, name, LEASE_MS)
  t.teardown(() => redis.disconnect())
  // The one that listens is connected when it has somebody to tell.
  if (name !== 'listener') redis.connect().catch(() => {})
  return redis
}

function brief(told: Told): string {
  if (told.kind === 'joined') return `+${told.presence.name}`
  if (!isEvent(told) && told.kind !== 'private') return told.kind
  if (told.kind === 'left') return `-${told.key}`
  if (told.kind === 'status') return told.status
  const { content }: { content?: unknown } = JSON.parse(frameOf(told))
  return told.kind === 'private' ? `(${content})` : `${content}`
}

/** What somebody says, one after the other. */
const words = (who: Person, ...all: string[]) => all.map((word) => say(who, word))

check('what is published is told, in order', async (t, room) => {
  const bench = await Bench.open(t, room)
  const ana = await bench.node.join('Ana')
  await bench.node.done(...words(ana, 'a', 'b'), changeStatus(ana, 'OCUPADO'), leave(ana))
  await bench.catchUp()
  t.strictSame(bench.told, ['+Ana', 'a', 'b', 'OCUPADO', '-ana'])
  t.strictSame(bench.faults(), [])
  t.ok(bench.follower.synced)
})

check('what was heard before it began is told as far as it comes after', async (t, room) => {
  const bench = await Bench.connect(t, room)
  const ana = await bench.node.join('Ana')
  await bench.node.done(...words(ana, 'a'))
  const snapshot = await room.scripts.snapshot(bench.node.caller)
  await bench.node.done(...words(ana, 'b', 'c'))
  await bench.redis.ping()
  t.strictSame(bench.told, [])
  t.notOk(bench.follower.synced)
  bench.follower.begin(snapshot)
  await bench.catchUp()
  t.strictSame(bench.told, ['b', 'c'])
  t.strictSame(bench.sink.faults(snapshot.position), [])
})

check('a gap is read from the log, once what comes after it is heard', async (t, room) => {
  const bench = await Bench.open(t, room)
  const ana = await bench.node.join('Ana')
  await bench.catchUp()
  await bench.deafen()
  for (let index = 0; index < 150; index += 1) await bench.node.done(...words(ana, `${index}a`, `${index}b`))
  await bench.hearAgain()
  t.strictSame(bench.told, ['+Ana'])
  await bench.node.done(...words(ana, 'after'))
  await bench.catchUp()
  const expected = Array.from({ length: 150 }, (_, index) => [`${index}a`, `${index}b`]).flat()
  t.strictSame(bench.told, ['+Ana', ...expected, 'after'])
  t.strictSame(bench.faults(), [])
})

check('a gap is found by the head, too', async (t, room) => {
  const bench = await Bench.open(t, room)
  const ana = await bench.node.join('Ana')
  await bench.catchUp()
  await bench.deafen()
  await bench.node.done(...words(ana, 'missed'))
  await bench.hearAgain()
  await room.scripts.beat(bench.node.caller)
  await bench.catchUp()
  t.strictSame(bench.told, ['+Ana', 'missed'])
  t.equal(bench.follower.heads, 1)
})

check('a part of a batch that was told already is passed over', async (t, room) => {
  const bench = await Bench.connect(t, room)
  const ana = await bench.node.join('Ana')
  await bench.node.done(...words(ana, 'a', 'b', 'c'))
  const { users, bans } = await room.scripts.snapshot(bench.node.caller)
  bench.follower.begin({ position: bench.node.at(2), users, bans })
  await bench.catchUp()
  t.strictSame(bench.told, ['b', 'c'])
  await bench.room.admin.publish(room.keys.events, `e\t${bench.node.epoch}\t4\nb\ts\tana\t{}`)
  await bench.node.done(...words(ana, 'd'))
  await bench.catchUp()
  t.strictSame(bench.told, ['b', 'c', 'd'], 'and what is heard again')
})

check('a line that breaks is subscribed again, and what was missed is told', async (t, room) => {
  const bench = await Bench.open(t, room)
  const ana = await bench.node.join('Ana')
  await bench.catchUp()
  for (const cut of [
    () => bench.line.killAll(),
    () => room.server.call('CLIENT', 'KILL', 'TYPE', 'pubsub'),
    () => bench.line.drop(),
  ]) {
    const before = bench.changes
    await cut()
    await until('the break is noticed', () => bench.changes > before)
    await bench.node.done(...words(ana, 'missed'))
    await bench.line.restore()
    await bench.catchUp()
    await until('it is in touch', () => bench.follower.synced)
  }
  t.strictSame(bench.told, ['+Ana', 'missed', 'missed', 'missed'])
  t.strictSame(bench.faults(), [])
  t.strictSame(bench.log.warnings, [])
})

check('nothing is lost or told twice, however often the line breaks', async (t, room) => {
  const bench = await Bench.open(t, room)
  const ana = await bench.node.join('Ana')
  let talking = true
  const killing = (async () => {
    for (let times = 0; talking; times += 1) {
      if (times % 2 === 0) bench.line.killAll()
      else await room.server.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
      const { changes } = bench
      await until('a change', () => bench.changes > changes || !talking)
    }
  })()
  for (let index = 0; index < 1500; index += 1) await bench.node.done(...words(ana, `${index}`))
  talking = false
  await killing
  await bench.catchUp()
  t.strictSame(bench.told, ['+Ana', ...Array.from({ length: 1500 }, (_, index) => `${index}`)])
  t.strictSame(bench.faults(), [])
})

check('where the log does not reach back far enough, the room is told anew', async (t, room) => {
  const bench = await Bench.open(t, room)
  const ana = await bench.node.join('Ana')
  await bench.catchUp()
  await bench.line.drop()
  await bench.node.done(...words(ana, 'a', 'b'), changeStatus(ana, 'OCUPADO'))
  const beto = await bench.node.join('Beto')
  await room.admin.xtrim(room.key('log'), 'MAXLEN', 1)
  await bench.line.restore()
  await bench.catchUp()
  const snapshot = await room.scripts.snapshot(bench.node.caller)
  t.strictSame(bench.sink.told.at(-1), { kind: 'reset', snapshot })
  await bench.node.done(...words(beto, 'after'))
  await bench.catchUp()
  t.strictSame(bench.told, ['+Ana', 'reset', 'after'])
})

check('after a restart that lost nothing, the log goes on in another epoch', async (t, room) => {
  const bench = await Bench.open(t, room)
  const ana = await bench.node.join('Ana')
  await bench.node.done(...words(ana, 'a'))
  await bench.catchUp()
  await bench.restart()
  await bench.node.done(...words(ana, 'b'))
  await bench.catchUp()
  t.strictSame(bench.told, ['+Ana', 'a', 'epoch', 'b'])
  t.strictSame(bench.sink.told.at(2), { kind: 'epoch', position: bench.node.at(2) })

  await bench.restart()
  await room.scripts.beat(bench.node.caller)
  await bench.catchUp()
  t.strictSame(bench.told.slice(4), ['epoch'], 'also when nothing has happened since')
})

check('what was missed before a restart is told in its epoch', async (t, room) => {
  const bench = await Bench.open(t, room)
  const ana = await bench.node.join('Ana')
  await bench.catchUp()
  await bench.deafen()
  await bench.node.done(...words(ana, 'a'))
  const before = bench.node.at(2)
  await bench.restart()
  await bench.node.done(...words(ana, 'b'))
  await bench.hearAgain()
  await bench.node.done(...words(ana, 'c'))
  await bench.catchUp()
  t.strictSame(bench.told, ['+Ana', 'a', 'epoch', 'b', 'c'])
  t.strictSame(bench.sink.log.map(({ position }) => position).slice(1), [
    before,
    bench.node.at(3),
    bench.node.at(4),
  ])
})

check(
  'who has been told more than what is left takes a snapshot, and what was said since',
  async (t, room) => {
    const bench = await Bench.open(t, room)
    const ana = await bench.node.join('Ana')
    await bench.node.done(...words(ana, 'kept'))
    const replica = await room.kept()
    await bench.node.done(...words(ana, 'lost'), changeStatus(ana, 'OCUPADO'))
    await bench.catchUp()
    await room.restore(replica)
    await bench.restart()
    await bench.node.done(...words(ana, 'another'))
    await bench.catchUp()
    t.strictSame(bench.told, ['+Ana', 'kept', 'lost', 'OCUPADO', 'reset', 'another'])
    const reset = bench.sink.told.at(-2)
    t.match(reset, { snapshot: { position: bench.node.at(3), users: [{ name: 'Ana', status: 'ACTIVO' }] } })
  },
)

check(
  'a room that was forgotten begins anew: claims are shown, and departures only when the time for claims is over',
  async (t, room) => {
    const bench = await Bench.open(t, room)
    const ana = await bench.node.join('Ana')
    await bench.node.join('Beto')
    await bench.catchUp()
    await room.forgotten()
    bench.follower.look({ epoch: 'another', offset: 1 })
    await until('it begins anew', () => bench.told.includes('epoch'))
    t.strictSame(bench.sink.told.at(-1), { kind: 'epoch', position: { ...bench.follower.told, offset: 0 } })
    const again = await room.node('again')
    await again.done(join(ana, { order: 1 }))
    await bench.catchUp()
    t.strictSame(bench.told, ['+Ana', '+Beto', 'epoch', '+Ana'], 'nobody is shown out')
    await bench.sink.until('the time is over', (told) => told.length === 5)
    t.strictSame(bench.sink.told.at(-1), {
      kind: 'reset',
      snapshot: await room.scripts.snapshot(again.caller),
    })
  },
  { leaseMs: 2000 },
)

check(
  'what is said at the moment at which the time for claims is over is told before the room is',
  async (t, room) => {
    const bench = await Bench.open(t, room)
    const ana = await bench.node.join('Ana')
    await bench.catchUp()
    await room.forgotten()
    bench.follower.look({ epoch: 'another', offset: 1 })
    await until('it begins anew', () => bench.told.includes('epoch'))
    const again = await room.node('again')
    await again.done(join(ana, { order: 1 }))
    await bench.catchUp()
    // It is held up between reading the log, and the snapshot.
    await bench.line.blackhole('toClient')
    const runs = async () =>
      Number(/calls=(\d+)/.exec((await room.server.info('commandstats', 'cmdstat_evalsha')) ?? '')?.[1])
    const before = await runs()
    await until('the log is read', async () => (await runs()) > before)
    await again.done(...words(ana, 'between'))
    await bench.line.restore()
    await bench.sink.until('the time is over', () => bench.told.includes('reset'))
    t.strictSame(bench.told, ['+Ana', 'epoch', '+Ana', 'between', 'reset'])
  },
  { leaseMs: 2000 },
)

check('private messages stand in their places among what is heard', async (t, room) => {
  const bench = await Bench.open(t, room)
  const [ana] = await company(bench)
  await bench.node.done(...talk(ana))
  await bench.catchUp()
  t.strictSame(bench.told.slice(-5), ['1', '(2)', '3', '(4)', '(5)'])
})

/** Ana, and Eva, whose private messages the follower is to get. */
async function company({ node, room }: Bench): Promise<readonly [Person, Person]> {
  const follower = await room.node('follower')
  follower.epoch = node.epoch
  return [await node.join('Ana'), await follower.join('Eva')]
}

/** What Ana says, some of it to Eva alone. */
function talk(ana: Person) {
  return [
    say(ana, '1'),
    whisper(ana, 'Eva', '2'),
    say(ana, '3'),
    whisper(ana, 'Eva', '4'),
    whisper(ana, 'Eva', '5'),
  ]
}

check('private messages stand in their places among what is read from the log', async (t, room) => {
  const bench = await Bench.open(t, room)
  const [ana] = await company(bench)
  await bench.catchUp()
  await bench.deafen()
  await bench.node.done(...talk(ana))
  await bench.hearAgain()
  await bench.node.done(...talk(ana))
  await bench.catchUp()
  const once = ['1', '(2)', '3', '(4)', '(5)']
  t.strictSame(bench.told, ['+Ana', '+Eva', ...once, ...once])
})

check('private messages that come while the log is being read stand in their places', async (t, room) => {
  const bench = await Bench.open(t, room)
  const [ana] = await company(bench)
  await bench.catchUp()
  await bench.deafen()
  await bench.node.done(...words(ana, 'missed'))
  await bench.hearAgain()
  await bench.reading.blackhole('toServer')
  for (let times = 0; times < 3; times += 1) await bench.node.done(...talk(ana))
  await bench.redis.ping()
  t.strictSame(bench.told, ['+Ana', '+Eva'])
  await bench.reading.restore()
  await bench.catchUp()
  const once = ['1', '(2)', '3', '(4)', '(5)']
  t.strictSame(bench.told, ['+Ana', '+Eva', 'missed', ...once, ...once, ...once])
  t.strictSame(bench.faults(), [])
})

check('private messages that come later than what is read stand in their places', async (t, room) => {
  const bench = await Bench.open(t, room)
  const [ana] = await company(bench)
  await bench.catchUp()
  await bench.line.blackhole('toClient')
  await bench.node.done(...talk(ana))
  bench.follower.look(bench.node.at(4))
  // This is answered after what the follower has asked.
  await bench.scripts.snapshot(bench.node.caller)
  t.strictSame(bench.told, ['+Ana', '+Eva'])
  await bench.line.restore()
  await bench.catchUp()
  t.strictSame(bench.told, ['+Ana', '+Eva', '1', '(2)', '3', '(4)', '(5)'])
})

check('private messages find their places in another epoch', async (t, room) => {
  const bench = await Bench.open(t, room)
  const [ana] = await company(bench)
  await bench.catchUp()
  await bench.restart()
  await bench.node.done(...talk(ana))
  await bench.catchUp()
  t.strictSame(bench.told, ['+Ana', '+Eva', 'epoch', '1', '(2)', '3', '(4)', '(5)'])
})

check('a private message is told, even if what it stood behind has been lost since', async (t, room) => {
  const bench = await Bench.open(t, room)
  const [ana] = await company(bench)
  await bench.catchUp()
  await room.admin.publish(
    room.keys.mail('follower'),
    `p\t${bench.node.epoch}\n9\ts\t\t{"content":"of the lost"}`,
  )
  await room.admin.publish(room.keys.mail('follower'), 'p\tskipped\n9\ts\t\t{"content":"of another epoch"}')
  await bench.restart()
  await bench.node.done(...words(ana, 'on'))
  await bench.catchUp()
  await bench.sink.until('both', () => bench.sink.messages.length === 2)
  t.strictSame(
    bench.told.filter((word) => word.startsWith('(')),
    ['(of the lost)', '(of another epoch)'],
  )
  await bench.node.done(...talk(ana))
  await bench.catchUp()
  t.strictSame(bench.told.slice(-5), ['1', '(2)', '3', '(4)', '(5)'])
})

check('what nobody has committed does not keep it from going on', async (t, room) => {
  const bench = await Bench.open(t, room)
  const ana = await bench.node.join('Ana')
  await bench.catchUp()
  const { epoch } = bench.node
  for (const message of [
    'nonsense',
    `e\t${epoch}\tx\nb\ts\tana\t{}`,
    `e\t${epoch}\t900\nb\ts\tana\t{}`,
    'e\tunknown\t1\nb\ts\tana\t{}',
    `h\t${epoch}\t900`,
    'h\tunknown\t1',
  ]) {
    await room.admin.publish(room.keys.events, message)
    await bench.node.done(...words(ana, 'on'))
    await bench.catchUp()
    await until('it is in touch', () => bench.follower.synced)
    const { told } = bench.follower
    await bench.node.done(...words(ana, 'and on'))
    await bench.catchUp()
    t.strictSame(bench.follower.told, { ...told, offset: told.offset + 1 }, JSON.stringify(message))
  }
  t.strictSame(bench.told, ['+Ana', ...Array(6).fill(['on', 'and on']).flat()])
  t.ok(bench.log.count('a message that cannot be read was published') === 2)
})

check('of epochs that are past nothing is told, and their heads are no sign of life', async (t, room) => {
  const bench = await Bench.open(t, room)
  const ana = await bench.node.join('Ana')
  await bench.catchUp()
  const before = bench.node.epoch
  await bench.restart()
  await room.scripts.beat(bench.node.caller)
  await bench.catchUp()
  const { heads } = bench.follower
  await room.admin.publish(room.keys.events, `h\t${before}\t7`)
  await room.admin.publish(room.keys.events, `e\t${before}\t2\nb\ts\tana\t{"content":"past"}`)
  await bench.node.done(...words(ana, 'on'))
  await bench.catchUp()
  t.strictSame(bench.told, ['+Ana', 'epoch', 'on'])
  t.equal(bench.follower.heads, heads)
})

check(
  'what comes before it begins is kept up to a limit, and read from the log beyond it',
  async (t, room) => {
    for (const [mebibytes, expected] of [
      [10, 'told'],
      [20, 'reset'],
    ] as const) {
      const bench = await Bench.connect(t, room)
      const ana = await bench.node.join(`Ana ${mebibytes}`)
      const snapshot = await room.scripts.snapshot(bench.node.caller)
      const large = 'x'.repeat(64 * 1024)
      for (let count = 0; count < mebibytes; count += 1)
        await bench.node.done(...Array(16).fill(say(ana, large)))
      await bench.redis.ping()
      await room.admin.xtrim(room.key('log'), 'MAXLEN', 1)
      bench.follower.begin(snapshot)
      await bench.catchUp()
      const kinds = new Set(bench.sink.told.map(({ kind }) => kind))
      t.strictSame([...kinds], [expected === 'told' ? 'said' : 'reset'], `${mebibytes} MiB`)
      await bench.node.done(leave(ana))
      await bench.catchUp()
      t.strictSame(bench.told.at(-1), `-${ana.key}`)
      bench.follower.close()
      bench.node.number += 0
    }
  },
)

check(
  'more than it keeps while the log cannot be read is told all the same, and private messages too',
  async (t, room) => {
    const bench = await Bench.open(t, room)
    const [ana] = await company(bench)
    await bench.catchUp()
    await bench.deafen()
    await bench.node.done(...words(ana, 'missed'))
    await bench.hearAgain()
    await bench.reading.blackhole('toServer')
    const large = 'x'.repeat(64 * 1024)
    for (let count = 0; count < 20; count += 1)
      await bench.node.done(whisper(ana, 'Eva', `${count}`), ...Array(16).fill(say(ana, large)))
    await bench.redis.ping()
    await bench.reading.restore()
    await bench.catchUp()
    const told = bench.told.map((word) => (word === large ? 'large' : word))
    const expected = Array.from({ length: 20 }, (_, count) => [
      `(${count})`,
      ...Array(16).fill('large'),
    ]).flat()
    t.strictSame(told, ['+Ana', '+Eva', 'missed', ...expected])
    t.strictSame(bench.faults(), [])
  },
)

check('a log that cannot be read is tried again, and that is said once', async (t, room) => {
  const bench = await Bench.open(t, room)
  const ana = await bench.node.join('Ana')
  await bench.catchUp()
  await bench.deafen()
  await bench.node.done(...words(ana, 'missed'))
  await bench.hearAgain()
  await bench.reading.drop()
  const { changes } = bench
  await bench.node.done(...words(ana, 'heard'))
  await until('it is noticed', () => bench.changes > changes + 2)
  t.notOk(bench.follower.synced)
  t.equal(bench.log.count('the log could not be read: trying again'), 1)
  await bench.reading.restore()
  await until('it is in touch', () => bench.follower.synced)
  t.strictSame(bench.told, ['+Ana', 'missed', 'heard'])
})

check('who waits for a position is told when it has been told', async (t, room) => {
  const bench = await Bench.open(t, room)
  const ana = await bench.node.join('Ana')
  await bench.follower.reach(bench.node.at(1))
  t.strictSame(bench.told, ['+Ana'])
  await bench.deafen()
  const { offset } = bench.node.at(3)
  await bench.node.done(...words(ana, 'a', 'b'))
  await bench.follower.reach(bench.node.at(offset))
  t.strictSame(bench.told, ['+Ana', 'a', 'b'], 'by reading the log, if that is what it takes')
})

check('who waits for an epoch waits no longer than until it is past', async (t, room) => {
  const bench = await Bench.open(t, room)
  const before = bench.node.at(0)
  await bench.restart()
  const skipped = bench.node.at(0)
  await bench.restart()
  await Promise.all([bench.follower.reach(skipped), bench.follower.reach(bench.node.at(0))])
  t.strictSame(bench.follower.told, bench.node.at(0))
  await bench.follower.reach(before)
  await bench.follower.reach(skipped)
})

check('it listens for one node at a time', async (t, room) => {
  const bench = await Bench.open(t, room)
  const heard = async (node: string) => Number((await room.admin.pubsub('NUMSUB', room.keys.mail(node)))[1])
  t.equal(await heard('follower'), 1)
  await bench.follower.listen('another')
  t.equal(await heard('another'), 1)
  await until('the old one is left', async () => (await heard('follower')) === 0)
  bench.line.killAll()
  await until('it is subscribed again', async () => (await heard('another')) === 1)
  t.equal(await heard('follower'), 0)
})

check('a line that cannot be subscribed to is begun again', async (t, room) => {
  const bench = await Bench.open(t, room)
  const ana = await bench.node.join('Ana')
  await bench.catchUp()
  await room.server.call('ACL', 'SETUSER', 'default', 'resetchannels')
  t.teardown(() => room.server.call('ACL', 'SETUSER', 'default', 'allchannels'))
  bench.line.killAll()
  const tries = async () =>
    Number(
      /rejected_calls=(\d+)/.exec((await room.server.info('commandstats', 'cmdstat_subscribe')) ?? '')?.[1],
    )
  const before = await tries()
  await until('some tries', async () => (await tries()) > before + 1)
  t.notOk(bench.follower.synced)
  await room.server.call('ACL', 'SETUSER', 'default', 'allchannels')
  await until('it is in touch', () => bench.follower.synced)
  await bench.node.done(...words(ana, 'on'))
  await bench.catchUp()
  t.strictSame(bench.told, ['+Ana', 'on'])
})

check('a line over which nothing comes is begun again when the log has to be read', async (t, room) => {
  const bench = await Bench.open(t, room)
  const ana = await bench.node.join('Ana')
  await bench.catchUp()
  await bench.line.blackhole('toClient')
  await bench.node.done(...words(ana, 'missed'))
  bench.follower.look(bench.node.at(2))
  await until('it is given up', () => bench.redis.status !== 'ready')
  await bench.line.restore()
  await until('it is in touch', () => bench.follower.synced)
  t.strictSame(bench.told, ['+Ana', 'missed'])
})

check('nothing is told once it is closed', async (t, room) => {
  const bench = await Bench.open(t, room)
  const ana = await bench.node.join('Ana')
  await bench.catchUp()
  await bench.deafen()
  await bench.node.done(...words(ana, 'missed'))
  await bench.reading.blackhole('toClient')
  const waiting = bench.follower.reach(bench.node.at(2))
  bench.follower.close()
  await waiting
  await bench.follower.reach(bench.node.at(3))
  await bench.reading.restore()
  await bench.hearAgain()
  await bench.node.done(...words(ana, 'later'))
  await bench.redis.ping()
  const ear = await room.listen()
  await ear.take()
  t.strictSame(bench.told, ['+Ana'])
  assert.ok(bench.log.warnings.length === 0)
})

check('a line that broke before it began: what was missed meanwhile is read', async (t, room) => {
  const bench = await Bench.connect(t, room)
  const ana = await bench.node.join('Ana')
  const snapshot = await room.scripts.snapshot(bench.node.caller)
  const listeners = async () => Number((await room.admin.pubsub('NUMSUB', room.keys.events))[1])
  bench.line.killAll()
  await until('it has gone', async () => (await listeners()) === 0)
  await bench.node.done(...words(ana, 'missed'))
  await until('it is back', async () => (await listeners()) === 1)
  bench.follower.begin(snapshot)
  await bench.catchUp()
  t.strictSame(bench.told, ['missed'])
})

check('an epoch that was heard of too early is no past one once it is here', async (t, room) => {
  const bench = await Bench.open(t, room)
  await bench.node.join('Ana')
  await bench.catchUp()
  const next = 'abcdefabcdefabcd0'
  const { changes } = bench
  await room.admin.publish(room.keys.events, `h\t${next}\t1`)
  await until('it has looked', () => bench.changes > changes)
  await room.admin.hset(room.key('meta'), 'epoch', next, 'past', `${bench.node.epoch}:1`)
  bench.follower.look({ epoch: next, offset: 1 })
  await until('it has moved', () => bench.follower.told.epoch === next)
  const { heads } = bench.follower
  await room.scripts.beat({ node: bench.node.id, epoch: next })
  await until('the head counts', () => bench.follower.heads === heads + 1)
})

check(
  'the room is told at the end of the time for claims also when Redis cannot be asked just then',
  async (t, room) => {
    const bench = await Bench.open(t, room)
    await bench.node.join('Ana')
    await bench.catchUp()
    await room.forgotten()
    bench.follower.look({ epoch: 'another', offset: 1 })
    await until('it begins anew', () => bench.told.includes('epoch'))
    const { snapshot } = bench.scripts
    let times = 0
    bench.scripts.snapshot = async (caller) => {
      times += 1
      if (times === 1) throw new Error('away')
      return snapshot.call(bench.scripts, caller)
    }
    await bench.sink.until('the time is over', (told) => told.some(({ kind }) => kind === 'reset'))
    t.equal(times, 2)
  },
  { leaseMs: 1000 },
)
