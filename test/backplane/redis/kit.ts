/** What the tests of the Redis backplane's parts share. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import type { Test } from 'tap'
import type { BackplaneLog } from '../../../src/backplane/redis/backplane-log.js'
import { Keys } from '../../../src/backplane/redis/keys.js'
import {
  type BatchReply,
  type Caller,
  type ScriptOptions,
  Scripts,
} from '../../../src/backplane/redis/scripts.js'
import { type Answer, type Message, readMessage, writeProposal } from '../../../src/backplane/redis/wire.js'
import { encode } from '../../../src/protocol/codec.js'
import type { Event, Position, Proposal } from '../../../src/room/events.js'
import { join, type Person, person } from '../../contract/people.js'
import { needsRedis } from '../../support/redis/find.js'
import { type RedisOptions, RedisServer } from '../../support/redis/server.js'

/** No lease ends by itself while a test runs: a test that wants one to end says so. */
export const LEASE_MS = 600_000
/** Enough for whatever a test says. */
export const ACCOUNT_TTL_MS = 3_600_000
export const GRACE_MS = 600_000
export const LOG_LIMITS = {
  logLength: 100_000,
  logMaxBytes: 64 * 1024 * 1024,
  accountTtlMs: ACCOUNT_TTL_MS,
  resumeGraceMs: GRACE_MS,
  historyLength: 10_000,
} as const
export const STARTED_AT = 1_700_000_000_000
const SWEPT_AT = Date.UTC(2025, 5, 6, 7, 8, 9)
/** What a sweep writes as the time. */
export const now = () => SWEPT_AT
/** The frame of a departure that a sweep shows. */
export const sweptFrame = (name: string) => encode.userDisconnected(name, SWEPT_AT)

/** A Redis server that ends with the test. */
export async function startRedis(t: Test, options?: RedisOptions): Promise<RedisServer> {
  const server = await RedisServer.start(options)
  t.teardown(() => server.close())
  return server
}

export type RoomCheck = (
  title: string,
  body: (t: Test, room: ScriptRoom) => Promise<void>,
  options?: RoomOptions,
) => void

/** Has tests run each in a room of its own, all on one server; they are skipped where there is none. */
export async function roomChecks(t: Test): Promise<RoomCheck> {
  const { skip } = await needsRedis(t)
  const server = skip === false ? await startRedis(t) : undefined
  return (title, body, options) => {
    t.test(title, { skip }, async (t) => {
      if (server !== undefined) await body(t, new ScriptRoom(t, server, options))
    })
  }
}

/** A connection of the test's own. */
export function client(t: Test, url: string): Redis {
  const redis = new Redis(url)
  redis.on('error', () => {})
  t.teardown(() => redis.disconnect())
  return redis
}

/** What was logged, to be looked at. */
export class TestLog implements BackplaneLog {
  readonly lines: { readonly level: 'info' | 'warn'; readonly message: string; readonly fields: object }[] =
    []

  info(fields: object, message: string): void {
    this.lines.push({ level: 'info', message, fields })
  }

  warn(fields: object, message: string): void {
    this.lines.push({ level: 'warn', message, fields })
  }

  get warnings(): string[] {
    return this.lines.flatMap(({ level, message }) => (level === 'warn' ? [message] : []))
  }

  get messages(): string[] {
    return this.lines.map(({ message }) => message)
  }

  /** How many times it was said. */
  count(message: string): number {
    return this.messages.filter((one) => one === message).length
  }

  /** The errors that were logged, as text. */
  get errors(): string[] {
    return this.lines.flatMap(({ fields }) =>
      'err' in fields && fields.err instanceof Error ? [fields.err.message] : [],
    )
  }
}

export type RoomOptions = Partial<
  Pick<
    ScriptOptions,
    'logLength' | 'logMaxBytes' | 'leaseMs' | 'accountTtlMs' | 'resumeGraceMs' | 'historyLength'
  >
>

/** A room of its own on a server, seen through its scripts. */
export class ScriptRoom {
  /** What the names of its keys begin with. */
  readonly prefix = randomUUID()
  readonly keys: Keys
  readonly scripts: Scripts
  /** For looking at it, and for bringing about what only time or an accident would. */
  readonly admin: Redis
  readonly server: RedisServer
  readonly #t: Test
  readonly #options: RoomOptions

  constructor(t: Test, server: RedisServer, options: RoomOptions = {}) {
    this.#t = t
    this.server = server
    this.keys = new Keys(this.prefix)
    this.admin = client(t, server.url)
    this.#options = options
    this.scripts = this.scriptsOver(this.admin)
  }

  /** Its scripts, run over another connection. */
  scriptsOver(redis: Redis): Scripts {
    return new Scripts({ redis, keys: this.keys, leaseMs: LEASE_MS, ...LOG_LIMITS, ...this.#options })
  }

  key(name: string): string {
    return this.keys.namespace + name
  }

  /** A node that takes part. */
  async node(id: string): Promise<ScriptNode> {
    const node = new ScriptNode(this, id)
    await node.enter()
    return node
  }

  /** As if Redis had been restarted with its data: the next script opens another epoch. */
  async restarted(): Promise<void> {
    await this.admin.hset(this.key('meta'), 'replid', randomUUID())
  }

  /** As if Redis had been restarted without its data. */
  async forgotten(): Promise<void> {
    const keys = await this.admin.keys(`${this.keys.namespace}*`)
    if (keys.length > 0) await this.admin.del(...keys)
  }

  /** As if a node had been silent for longer than its lease. */
  async expire(...ids: string[]): Promise<void> {
    for (const id of ids) await this.admin.zadd(this.key('nodes'), 1, id)
  }

  /** As if another had found out that it was silent for so long; its users are still to be shown out. */
  async end(id: string): Promise<void> {
    await this.admin.multi().zrem(this.key('nodes'), id).sadd(this.key('swept'), id).exec()
  }

  /** What a node has of its lease, by Redis's clock; undefined when it has none. */
  async leaseOf(id: string): Promise<number | undefined> {
    const end = await this.admin.zscore(this.key('nodes'), id)
    return end === null ? undefined : Number(end) - (await this.time())
  }

  /** Milliseconds since 1970, by Redis's clock. */
  async time(): Promise<number> {
    const [seconds, micros] = await this.admin.time()
    return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
  }

  meta(field: string): Promise<string | null> {
    return this.admin.hget(this.key('meta'), field)
  }

  /** As if Redis had failed over to a replica that has what there was when {@link kept} was called. */
  async restore(kept: Record<string, Buffer | null>): Promise<void> {
    await this.forgotten()
    for (const [key, dump] of Object.entries(kept)) if (dump !== null) await this.admin.restore(key, 0, dump)
  }

  /** Everything that is kept, to be compared: nothing has been changed if it is the same. */
  async kept(): Promise<Record<string, Buffer | null>> {
    const kept: Record<string, Buffer | null> = {}
    const keys = await this.admin.keys(`${this.keys.namespace}*`)
    for (const key of keys.sort()) kept[key] = await this.admin.dumpBuffer(key)
    return kept
  }

  /** Hears what is published from now on. */
  async listen(channel = this.keys.events): Promise<Ear> {
    const redis = client(this.#t, this.server.url)
    await redis.subscribe(channel)
    return new Ear(redis, () => this.admin.publish(channel, END))
  }

  /** What the log holds behind a position. */
  async log(after: Position): Promise<Event[] | 'lost'> {
    const { messages } = await this.scripts.read({ node: '', epoch: '' }, after, 100_000)
    if (messages === 'lost') return 'lost'
    return messages
      .flatMap((message) => (message.kind === 'events' ? message.events : []))
      .filter(({ position }) => position.offset > after.offset)
  }
}

const END = 'the end of what is heard'

/** A listener of one channel. */
export class Ear {
  readonly #heard: Buffer[] = []
  readonly #end: () => Promise<unknown>
  #onEnd: () => void = () => {}

  constructor(redis: Redis, end: () => Promise<unknown>) {
    this.#end = end
    redis.on('messageBuffer', (_channel: Buffer, bytes: Buffer) => {
      if (bytes.toString() === END) this.#onEnd()
      else this.#heard.push(bytes)
    })
  }

  /** All that was published until now, and not taken before. */
  async take(): Promise<Buffer[]> {
    const ended = new Promise<void>((resolve) => {
      this.#onEnd = resolve
    })
    await this.#end()
    await ended
    return this.#heard.splice(0)
  }

  /** The same, read. */
  async messages(): Promise<Message[]> {
    return (await this.take()).map(readMessage)
  }
}

/** What one node does by scripts alone. */
export class ScriptNode {
  readonly id: string
  readonly #room: ScriptRoom
  /** The epoch that it knows. */
  epoch = ''
  /** Of the last batch. */
  number = 0

  constructor(room: ScriptRoom, id: string) {
    this.#room = room
    this.id = id
  }

  get caller(): Caller {
    return { node: this.id, epoch: this.epoch }
  }

  async enter() {
    const head = await this.#room.scripts.enter(this.caller, {
      label: `label of ${this.id}`,
      startedAt: STARTED_AT,
    })
    this.epoch = head.position.epoch
    return head
  }

  /** Commits under the next number. */
  commit(...proposals: Proposal[]): Promise<BatchReply> {
    this.number += 1
    return this.send(this.number, ...proposals)
  }

  send(number: number, ...proposals: Proposal[]): Promise<BatchReply> {
    return this.#room.scripts.commit(this.caller, number, proposals.flatMap(writeProposal))
  }

  /** Commits a batch that is judged, and says what became of each proposal. */
  async outcomes(...proposals: Proposal[]): Promise<readonly Answer[]> {
    return outcomesOf(await this.commit(...proposals))
  }

  /** Commits what must all pass, and returns where it is. */
  async done(...proposals: Proposal[]): Promise<number[]> {
    return (await this.outcomes(...proposals)).map((answer) => {
      assert.ok(answer !== 'wait' && answer.ok, `refused: ${JSON.stringify(answer)}`)
      return answer.position.offset
    })
  }

  /** Has somebody new enter. */
  async join(name: string): Promise<Person> {
    const someone = person(name)
    await this.done(join(someone))
    return someone
  }

  at(offset: number): Position {
    return { epoch: this.epoch, offset }
  }
}

export function outcomesOf(reply: BatchReply): readonly Answer[] {
  assert.equal(reply.kind, 'done')
  return reply.kind === 'done' ? reply.outcomes : []
}

/** Answers in short: the offset, or why not. */
export function short(answers: readonly Answer[]): (number | string)[] {
  return answers.map((answer) => {
    if (answer === 'wait') return answer
    return answer.ok ? answer.position.offset : answer.reason
  })
}
