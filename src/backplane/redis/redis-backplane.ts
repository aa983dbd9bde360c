/** The backplane that any number of nodes share over Redis. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { NameKey } from '../../protocol/names.js'
import type { Position, Presence, Proposal, Said } from '../../room/events.js'
import type {
  Backplane,
  Inbox,
  InboxQuery,
  NodeInfo,
  NodeStatus,
  Outcome,
  Sink,
  Slice,
  Snapshot,
} from '../backplane.js'
import type { BackplaneLog } from './backplane-log.js'
import { Beat } from './beat.js'
import { type Batch, type BatchOutcome, CommitQueue } from './commit-queue.js'
import {
  checkDatabase,
  createConnection,
  isRefusal,
  onTrouble,
  type RedisAddress,
  reconnect,
  whereIs,
} from './connection.js'
import { Follower } from './follower.js'
import { Keys } from './keys.js'
import { pause } from './pause.js'
import { type Caller, FormatError, Scripts } from './scripts.js'
import { RedisStore } from './store.js'
import { readUser, writeKey } from './wire.js'

/** How long leaving may take when Redis is away. */
const CLOSE_MS = 2000

/** How long it takes at most until a start says that Redis cannot be reached. */
const CONNECT_MS = 3000

/** How often it is said that Redis is still away. */
const REMIND_MS = 30_000

export interface RedisBackplaneOptions {
  readonly address: RedisAddress
  /** What all keys begin with. */
  readonly keyPrefix: string
  readonly beatMs: number
  /** At least three beats. */
  readonly leaseMs: number
  readonly commitTimeoutMs: number
  /** How many events the log keeps. */
  readonly logLength: number
  /** How many bytes it keeps at most, about. */
  readonly logMaxBytes: number
  /** For how long an account is kept whose owner is not there. */
  readonly accountTtlMs: number
  /** For how long an extended session is held whose connection broke; 0: not at all. */
  readonly resumeGraceMs: number
  /** How many broadcasts the history keeps. */
  readonly historyLength: number
  readonly log: BackplaneLog
  /** What operators see in `CLIENT LIST`. */
  readonly name: string
}

/** A node that takes part. */
interface Member {
  readonly info: NodeInfo
  readonly sink: Sink
  readonly follower: Follower
}

/** One node's part in a room that is kept in Redis. It uses two connections: one for commands, one that only listens. */
export class RedisBackplane implements Backplane {
  readonly store: RedisStore
  readonly #options: RedisBackplaneOptions
  readonly #commands: Redis
  readonly #listener: Redis
  readonly #keys: Keys
  readonly #scripts: Scripts
  readonly #queue: CommitQueue
  readonly #beat: Beat
  #member: Member | undefined
  #id = ''
  /** Of the last batch; they count on when the identity changes. */
  #number = 0
  #beaten = false
  /** Why beats have failed since the last one that did not, as far as it was said. */
  readonly #said = new Set<string>()
  /** Whether it was said that Redis refuses batches, since the last one that it took. */
  #saidRefused = false
  /** What went wrong last with a connection that has not come back. */
  #trouble: Error | undefined
  /** How many heads had been heard before the last beat that was answered. */
  #heardBefore: number | undefined
  #lapsing = false
  #healthy = true
  #leaving = false
  #closed = false

  constructor(options: RedisBackplaneOptions) {
    const { address, name, keyPrefix, leaseMs, logLength, logMaxBytes, accountTtlMs } = options
    const { commitTimeoutMs, beatMs, resumeGraceMs, historyLength } = options
    this.#options = options
    this.#commands = createConnection(address, name, leaseMs)
    this.#listener = createConnection(address, `${name}-listener`, leaseMs)
    this.#keys = new Keys(keyPrefix)
    this.#scripts = new Scripts({
      redis: this.#commands,
      keys: this.#keys,
      leaseMs,
      logLength,
      logMaxBytes,
      accountTtlMs,
      resumeGraceMs,
      historyLength,
    })
    this.#queue = new CommitQueue({ send: (batch) => this.#send(batch), timeoutMs: commitTimeoutMs })
    this.#beat = new Beat(beatMs, () => this.#renew())
    this.store = new RedisStore(this.#commands, this.#keys, this.#scripts)
    for (const connection of [this.#commands, this.#listener]) {
      onTrouble(connection, (error) => {
        this.#trouble = error
      })
      connection.on('close', () => {
        this.#trouble ??= new Error('the connection was closed')
      })
      connection.on('ready', () => {
        this.#trouble = undefined
      })
    }
    this.#commands.on('close', () => {
      this.#setBeaten(false)
      this.#holdQueue()
    })
    this.#commands.on('ready', () => {
      this.#holdQueue()
      this.#beat.soon()
    })
  }

  get id(): string {
    return this.#id
  }

  /**
   * Waits for Redis for as long as that takes.
   * @throws {FormatError} when what is kept there is of another version
   */
  async start(info: NodeInfo, sink: Sink): Promise<Snapshot> {
    const id = newIdentity(info)
    const follower = new Follower({
      redis: this.#listener,
      keys: this.#keys,
      scripts: this.#scripts,
      sink,
      log: this.#options.log,
      caller: () => this.#caller(),
      onChange: () => this.#watchHealth(),
    })
    // They go on trying by themselves; failures show in what is tried next.
    const connected = Promise.all([this.#commands.connect(), this.#listener.connect()]).catch(() => {})
    await Promise.race([connected, sleep(CONNECT_MS, undefined, { ref: false })])
    const snapshot = await this.#insist('Redis cannot be reached', () => this.#enter(id, info, follower))
    await this.#checkMemoryPolicy()
    this.#member = { info, sink, follower }
    this.#id = id
    this.#beaten = true
    follower.begin(snapshot)
    this.#beat.start()
    this.#options.log.info({ node: id, ...whereIs(this.#commands) }, 'shares the room over Redis')
    return snapshot
  }

  commit(proposals: readonly Proposal[]): Promise<Outcome[]> {
    if (this.#id === '') return Promise.resolve(proposals.map(() => ({ ok: false, reason: 'UNAVAILABLE' })))
    return this.#queue.commit(proposals)
  }

  async read(after: Position, limit: number): Promise<Slice> {
    const { position, messages } = await this.#scripts.read(this.#caller(), after, Math.max(limit, 1))
    if (messages === 'lost') return 'lost'
    const events = messages.flatMap((message) => (message.kind === 'events' ? message.events : []))
    const wanted = events.filter(({ position: { offset } }) => offset > after.offset)
    return { events: wanted.slice(0, limit), head: position }
  }

  snapshot(): Promise<Snapshot> {
    return this.#scripts.snapshot(this.#caller())
  }

  async find(key: NameKey): Promise<Presence | undefined> {
    const value = await this.#commands.hgetBuffer(this.#keys.users, writeKey(key))
    return value === null ? undefined : readUser(value)
  }

  inboxes(queries: readonly InboxQuery[]): Promise<Inbox[]> {
    return this.#scripts.inboxes(this.#caller(), queries)
  }

  history(before: Position | undefined, limit: number): Promise<Said[]> {
    return this.#scripts.history(this.#caller(), before, limit)
  }

  nodes(): Promise<NodeStatus[]> {
    return this.#scripts.nodes(this.#caller())
  }

  async close(): Promise<void> {
    if (this.#leaving) return
    this.#leaving = true
    const caller = this.#caller()
    const inTime = sleep(CLOSE_MS, undefined, { ref: false })
    const left = async () => {
      await this.#queue.close()
      if (this.#id === '') return
      await this.#scripts.leave(caller)
      await this.#scripts.sweep(caller, Date.now)
    }
    // The lease is renewed until the last batch has been judged; whoever cannot be told finds out by it.
    await Promise.race([left().catch(() => {}), inTime])
    this.#closed = true
    this.#id = ''
    this.#member?.follower.close()
    this.#commands.disconnect()
    this.#listener.disconnect()
    await this.#beat.stop()
  }

  #caller(node = this.#id): Caller {
    return { node, epoch: this.#member?.follower.told.epoch ?? '' }
  }

  /** Subscribed first, so that nothing after the snapshot is missed; and nobody is there any more who is dead. */
  async #enter(id: string, info: NodeInfo, follower: Follower): Promise<Snapshot> {
    const caller = this.#caller(id)
    await checkDatabase(this.#commands)
    await follower.listen(id)
    await this.#scripts.enter(caller, info)
    await this.#scripts.beat(caller)
    await this.#scripts.sweep(caller, Date.now)
    return this.#scripts.snapshot(caller)
  }

  /** Tries until it succeeds. */
  async #insist<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    let said = Number.NEGATIVE_INFINITY
    for (;;) {
      try {
        return await attempt()
      } catch (err) {
        if (err instanceof FormatError || this.#closed) throw err
        const now = performance.now()
        if (now - said > REMIND_MS) {
          said = now
          const where = whereIs(this.#commands)
          this.#options.log.warn({ err: this.#trouble ?? err, ...where }, `${what}: trying until it can`)
        }
        await pause()
      }
    }
  }

  /** Evicted keys would be users that vanish. */
  async #checkMemoryPolicy(): Promise<void> {
    const info = await this.#commands.info('memory').catch(() => '')
    const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'unknown'
    if (policy !== 'noeviction')
      this.#options.log.warn(
        { policy },
        'Redis may throw away what it keeps: its maxmemory-policy should be noeviction',
      )
  }

  /** Has a batch judged: under one number, however often it has to be sent. */
  async #send({ lines, makesRoom }: Batch): Promise<BatchOutcome> {
    const id = this.#id
    this.#number += 1
    const number = this.#number
    const late = performance.now() + this.#options.commitTimeoutMs
    let said: string | undefined
    // Whether an attempt may have succeeded, although its answer did not come.
    let unclear = false
    while (!this.#closed) {
      try {
        const reply = await this.#scripts.commit(this.#caller(id), number, lines, makesRoom)
        if (reply.kind === 'done') {
          this.#saidRefused = false
          return reply.outcomes
        }
        if (reply.kind === 'full')
          return this.#refused({}, 'Redis has no memory left: what is sent is refused')
        if (reply.kind === 'lapsed') {
          void this.#lapse(id)
          return 'lapsed'
        }
        // Nothing was done: first the node has to be told in which epoch it is.
        await this.#member?.follower.reach({ epoch: reply.epoch, offset: 0 })
        // It has been left behind already: the connection is still with a master that was replaced.
        if (this.#caller().epoch !== reply.epoch) await pause()
      } catch (err) {
        unclear ||= !isRefusal(err)
        if (!unclear && performance.now() > late)
          return this.#refused({ err }, 'Redis takes nothing now: what is sent is refused')
        const what = unclear
          ? 'a batch was not answered: it is sent again until it is'
          : 'Redis takes no batch now: trying again'
        if (what !== said) this.#options.log.warn({ err: this.#trouble ?? err }, what)
        said = what
        await pause()
      }
    }
    return undefined
  }

  #refused(fields: object, message: string): BatchOutcome {
    if (!this.#saidRefused) this.#options.log.warn(fields, message)
    this.#saidRefused = true
    return 'refused'
  }

  /** One beat: renews the lease, finds out what was missed, and shows out whose node has died. */
  async #renew(): Promise<void> {
    const member = this.#member
    if (member === undefined || this.#lapsing || this.#closed) return
    const { follower } = member
    this.#checkHearing(follower)
    const heard = follower.heads
    const id = this.#id
    try {
      // Where the log stands is heard with the events: to look for what is only on its way would part it from private messages.
      const { known, swept, position } = await this.#scripts.beat(this.#caller())
      // But the listener may still be with a master that has been replaced: nothing of that one counts any more.
      if (position.epoch !== follower.told.epoch) follower.look(position)
      // Nothing is published for a node that is not known.
      this.#heardBefore = known && follower.synced ? heard : undefined
      this.#said.clear()
      this.#setBeaten(true)
      if (!known) await this.#lapse(id)
      else if (swept > 0) await this.#scripts.sweep(this.#caller(), Date.now)
    } catch (error) {
      const err = this.#trouble ?? (error instanceof Error ? error : new Error(String(error)))
      if (!this.#said.has(err.message) && !this.#closed)
        this.#options.log.warn({ err, ...whereIs(this.#commands) }, 'Redis cannot be reached')
      this.#said.add(err.message)
      this.#setBeaten(false)
    }
  }

  /** Every beat is published: a listener that has not heard the last one is deaf without knowing it. */
  #checkHearing(follower: Follower): void {
    if (this.#heardBefore === undefined || follower.heads > this.#heardBefore) return
    this.#heardBefore = undefined
    this.#options.log.warn({}, 'nothing is heard from Redis: connecting again')
    reconnect(this.#listener)
  }

  /** This node was swept: it begins again under another identity, and claims its sessions. */
  async #lapse(id: string): Promise<void> {
    const member = this.#member
    if (member === undefined || this.#lapsing || this.#leaving || id !== this.#id) return
    const { info, sink, follower } = member
    this.#lapsing = true
    this.#holdQueue()
    this.#watchHealth()
    this.#options.log.warn({ node: id }, 'this node counted as dead: it claims its sessions again')
    try {
      const fresh = newIdentity(info)
      const head = await this.#insist('this node could not begin again', async () => {
        const caller = this.#caller(fresh)
        await follower.listen(fresh)
        await this.#scripts.enter(caller, info)
        return this.#scripts.sweep(caller, Date.now)
      })
      // Those who were shown out have to be seen to leave before they come back.
      await follower.reach(head)
      this.#id = fresh
    } catch (err) {
      this.#options.log.warn({ err }, 'this node could not begin again')
      return
    } finally {
      this.#lapsing = false
    }
    sink.lapsed()
    this.#holdQueue()
    this.#watchHealth()
  }

  /** What cannot be sent waits in the queue, where it is refused in time; once sent, it is tried until it is answered. */
  #holdQueue(): void {
    if (this.#lapsing || this.#commands.status !== 'ready') this.#queue.hold()
    else this.#queue.release()
  }

  #setBeaten(beaten: boolean): void {
    this.#beaten = beaten
    this.#watchHealth()
  }

  #watchHealth(): void {
    const { sink, follower } = this.#member ?? {}
    const healthy = this.#beaten && !this.#lapsing && (follower?.synced ?? false)
    if (sink === undefined || healthy === this.#healthy || this.#closed) return
    this.#healthy = healthy
    const { log } = this.#options
    if (healthy) log.info({ node: this.#id, ...whereIs(this.#commands) }, 'in touch with the others')
    else log.warn({ node: this.#id, err: this.#trouble }, 'cut off from the others')
    sink.health(healthy)
  }
}

/** Random for each process, and each time that it begins again; the label is for people. */
function newIdentity({ label }: NodeInfo): string {
  return `${label}-${randomBytes(8).toString('hex')}`
}
