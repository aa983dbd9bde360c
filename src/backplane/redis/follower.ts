import type { Redis } from 'ioredis'
import type { Event, Position, Said } from '../../room/events.js'
import type { PrivateMessage, Sink, Snapshot } from '../backplane.js'
import type { BackplaneLog } from './backplane-log.js'
import { isTimeout, reconnect } from './connection.js'
import type { Keys } from './keys.js'
import { pause } from './pause.js'
import type { Caller, LogSlice, Scripts } from './scripts.js'
import { type Mail, type Message, readMessage } from './wire.js'

/** How many entries of the log are read at a time. Fewer, once that took too long: over a slow way they are too much at once. */
const READ_ENTRIES = 64

/** What came while the log is being read may take so much; beyond that it is dropped, and read from the log too. */
const HELD_BYTES = 16 * 1024 * 1024

/** What has its place in the log. */
type Heard = Exclude<Message, { readonly kind: 'mail' }>

export interface FollowerOptions {
  /** A connection for this alone. */
  readonly redis: Redis
  readonly keys: Keys
  readonly scripts: Scripts
  readonly sink: Sink
  readonly log: BackplaneLog
  /** Who asks. */
  readonly caller: () => Caller
  /** Called when it begins or ceases to hear everything. */
  readonly onChange: () => void
}

/**
 * Follows the room: hands on what is published, in order, without gaps and repeats. What it missed it reads from the log; where
 * the log does not reach back far enough, it takes a snapshot.
 */
export class Follower {
  readonly #options: FollowerOptions
  /** Up to where the sink has been told. */
  #told: Position = { epoch: '', offset: 0 }
  /** Epochs that have been left behind: nothing more comes of them. */
  readonly #past = new Set<string>()
  #begun = false
  #subscribed = false
  /** Something may have been missed: the line broke, or the log could not be read. */
  #broken = false
  #reading = false
  /** Something happened while reading that makes it necessary to read again. */
  #again = false
  /** Whether the sink has to be given a snapshot, however much of the log there is. */
  #renew = false
  #held: Heard[] = []
  #heldBytes = 0
  /** Private messages whose places have not been reached. They are in no log: where they stand in it, they say themselves. */
  #mail: Mail[] = []
  #channels: string[] = []
  #entries = READ_ENTRIES
  #closed = false
  #renewal: NodeJS.Timeout | undefined
  #reached: { readonly position: Position; readonly resolve: () => void }[] = []
  /** Counts heads that were heard: that the line is not dead. */
  heads = 0

  constructor(options: FollowerOptions) {
    this.#options = options
    const { redis } = options
    redis.on('messageBuffer', (_channel: Buffer, bytes: Buffer) => this.#hear(bytes))
    redis.on('close', () => this.#setSubscribed(false))
    redis.on('ready', () => this.#resubscribe())
  }

  get told(): Position {
    return this.#told
  }

  /** Whether everything that is published is heard, and the sink has been told of it. */
  get synced(): boolean {
    return this.#begun && this.#subscribed && !this.#broken
  }

  /** Listens to events and to what is for one node, and for no other any more. Resolves when that is confirmed. */
  async listen(node: string): Promise<void> {
    const { redis, keys } = this.#options
    const old = this.#channels.filter((channel) => channel !== keys.events && channel !== keys.mail(node))
    const channels = [keys.events, keys.mail(node)]
    await this.#answered(redis.subscribe(...channels))
    this.#channels = channels
    if (!this.#begun) this.#broken = false
    this.#setSubscribed(true)
    // Should this fail: nobody writes to the old one any more.
    if (old.length > 0) redis.unsubscribe(...old).catch(() => {})
  }

  /** Begins with a snapshot that the sink has got; what was heard before is told as far as it comes after. */
  begin({ position }: Snapshot): void {
    this.#told = position
    this.#begun = true
    if (!this.#handHeld() || this.#broken) void this.#read()
  }

  /** To be called when the log is known to be ahead, or in another epoch: reads what is missing. */
  look(head: Position): void {
    if (!this.#begun || this.#isBehind(head)) void this.#read()
  }

  /** Resolves when the sink has been told everything up to a position, in its epoch. */
  reach(position: Position): Promise<void> {
    if (this.#closed || this.#hasReached(position)) return Promise.resolve()
    return new Promise((resolve) => {
      this.#reached.push({ position, resolve })
      this.look(position)
    })
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#renewal)
    for (const { resolve } of this.#reached.splice(0)) resolve()
  }

  #setSubscribed(subscribed: boolean): void {
    if (this.#subscribed === subscribed) return
    this.#subscribed = subscribed
    if (!subscribed) this.#broken = true
    this.#options.onChange()
  }

  /** After a reconnect: subscribe, wait for the confirmation, read the log from where we stand, then live. */
  async #resubscribe(): Promise<void> {
    const { redis } = this.#options
    if (this.#channels.length === 0 || this.#closed) return
    try {
      await redis.subscribe(...this.#channels)
    } catch {
      // Reconnected, but not resubscribed, is deaf: begin again.
      reconnect(redis)
      return
    }
    this.#setSubscribed(true)
    if (this.#begun) void this.#read()
  }

  #hear(bytes: Buffer): void {
    if (this.#closed) return
    const message = this.#parse(bytes)
    if (message === undefined) return
    if (message.kind === 'mail') {
      this.#keepMail(message.mail)
      return
    }
    // One of an epoch that is past comes from a Redis that is the master no more.
    if (message.kind === 'head' && !this.#past.has(message.head.epoch)) this.heads += 1
    if (this.#begun && !this.#reading) {
      if (!this.#take(message)) {
        this.#hold(message, bytes.length)
        void this.#read()
      }
    } else {
      this.#hold(message, bytes.length)
    }
  }

  /** What cannot be read is missing, and looked for in the log: it is said there what is wrong with it. */
  #parse(bytes: Buffer): Message | undefined {
    try {
      return readMessage(bytes)
    } catch (err) {
      this.#options.log.warn({ err }, 'a message that cannot be read was published')
      void this.#read()
      return undefined
    }
  }

  #keepMail(mail: readonly Mail[]): void {
    this.#mail.push(...mail)
    if (!this.#begun) return
    this.#deliverMail()
    const known = this.#mail.every(({ after: { epoch } }) => epoch === this.#told.epoch)
    if (!known) void this.#read()
  }

  #hold(message: Heard, bytes: number): void {
    this.#heldBytes += bytes
    if (this.#heldBytes > HELD_BYTES) {
      // The log has them too.
      this.#held = []
      this.#heldBytes = bytes
      this.#again = true
    }
    this.#held.push(message)
  }

  /** Hands on one message; false when something is missing before it. What is of an epoch that is past is passed over. */
  #take(message: Heard): boolean {
    switch (message.kind) {
      case 'head':
        return !this.#isBehind(message.head) || this.#past.has(message.head.epoch)
      case 'events': {
        const { events, head } = message
        const first = head.offset - events.length + 1
        if (head.epoch !== this.#told.epoch) return this.#past.has(head.epoch)
        if (first > this.#told.offset + 1) return false
        this.#deliver(events.slice(this.#told.offset + 1 - first))
        return true
      }
    }
  }

  /** Hands on what was held; false when something is missing. */
  #handHeld(): boolean {
    const held = this.#held
    this.#held = []
    this.#heldBytes = 0
    for (const [index, message] of held.entries()) {
      if (this.#take(message)) continue
      this.#held = held.slice(index)
      return false
    }
    return !this.#again
  }

  /** Tells the sink the next events, and private messages in their places between them. */
  #deliver(events: readonly Event[]): void {
    const { sink } = this.#options
    let run: Event[] = []
    const flush = () => {
      if (run.length > 0) sink.events(run)
      run = []
    }
    for (const event of events) {
      if (event.position.epoch !== this.#told.epoch) {
        flush()
        this.#moveTo({ epoch: event.position.epoch, offset: event.position.offset - 1 })
      }
      if (this.#isDue(this.#mail[0])) {
        flush()
        this.#deliverMail()
      }
      this.#told = event.position
      run.push(event)
    }
    flush()
    this.#deliverMail()
    this.#announceReached()
  }

  /** The log goes on in another epoch. */
  #moveTo(position: Position): void {
    this.#leaveFor(position)
    this.#options.sink.epoch(position)
  }

  #leaveFor(position: Position): void {
    this.#past.add(this.#told.epoch)
    this.#past.delete(position.epoch)
    this.#told = position
  }

  /** Private messages whose places have been reached, in the order in which they came. */
  #deliverMail(): void {
    const waits = this.#mail.findIndex((mail) => !this.#isDue(mail))
    const due = this.#mail.splice(0, waits === -1 ? this.#mail.length : waits)
    if (due.length > 0) this.#options.sink.private(due.map(({ message }) => message))
  }

  /** Those of an epoch that is past wait no more: nothing else comes of it. */
  #isDue(mail: Mail | undefined): boolean {
    if (mail === undefined) return false
    const { epoch, offset } = mail.after
    return epoch === this.#told.epoch ? offset <= this.#told.offset : this.#past.has(epoch)
  }

  #isBehind({ epoch, offset }: Position): boolean {
    return epoch !== this.#told.epoch || offset > this.#told.offset
  }

  #hasReached(position: Position): boolean {
    return this.#begun && (!this.#isBehind(position) || this.#past.has(position.epoch))
  }

  #announceReached(): void {
    if (this.#reached.length === 0) return
    const reached = this.#reached.filter(({ position }) => this.#hasReached(position))
    this.#reached = this.#reached.filter((waiting) => !reached.includes(waiting))
    for (const { resolve } of reached) resolve()
  }

  /** Reads what is missing until nothing is, however long that takes. */
  async #read(): Promise<void> {
    if (this.#reading) {
      this.#again = true
      return
    }
    if (!this.#begun) return
    this.#reading = true
    let stuck: Heard | undefined
    do {
      this.#again = false
      const elsewhere = this.#epochsElsewhere()
      try {
        await this.#catchUp()
        this.#passBy(elsewhere)
        // The log was read after this one had been heard, and does not lead up to it: it is of a room that is no more.
        if (stuck !== undefined && stuck === this.#held[0]) this.#held.shift()
        stuck = this.#held[0]
      } catch (err) {
        this.#again = true
        if (!this.#broken) this.#options.log.warn({ err }, 'the log could not be read: trying again')
        this.#broken = true
        this.#options.onChange()
        await pause()
      }
    } while (!this.#closed && (!this.#handHeld() || this.#again))
    this.#reading = false
    // If the line is still down, it is read again once it is back.
    this.#broken = !this.#subscribed
    this.#announceReached()
    this.#options.onChange()
  }

  async #catchUp(): Promise<void> {
    for (;;) {
      const { position, claimsLeftMs, messages, endedAt } = await this.#readLog(this.#told)
      await this.#hearUpToHere()
      if (this.#closed) return
      if (messages === 'lost') {
        if (claimsLeftMs > 0 && position.epoch !== this.#told.epoch)
          this.#beginAnew(position.epoch, claimsLeftMs)
        else return this.#takeSnapshot(endedAt)
        continue
      }
      for (const message of messages) this.#takeEntry(message)
      if (this.#told.offset < position.offset) continue
      if (this.#told.epoch !== position.epoch) this.#moveTo(position)
      this.#deliverMail()
      if (this.#renew) return this.#takeSnapshot()
      return
    }
  }

  /** Epochs that were heard of, or are waited for, beside the one that has been told. */
  #epochsElsewhere(): readonly string[] {
    const positions = [
      ...this.#held.map(({ head }) => head),
      ...this.#mail.map(({ after }) => after),
      ...this.#reached.map(({ position }) => position),
    ]
    return positions.map(({ epoch }) => epoch).filter((epoch) => epoch !== this.#told.epoch)
  }

  /** The log was read after they had been heard of: those that it did not lead to are past, too. */
  #passBy(epochs: readonly string[]): void {
    for (const epoch of epochs) if (epoch !== this.#told.epoch) this.#past.add(epoch)
    this.#deliverMail()
  }

  /**
   * What was published before the log was read is heard before it is told: private messages come over the other connection, and
   * would find their places passed.
   */
  async #hearUpToHere(): Promise<void> {
    if (this.#subscribed) await this.#answered(this.#options.redis.ping())
  }

  /** If there is no answer, the line is dead: it begins again. */
  async #answered(question: Promise<unknown>): Promise<void> {
    try {
      await question
    } catch (error) {
      if (isTimeout(error)) reconnect(this.#options.redis)
      throw error
    }
  }

  /** An entry of the log may be of the epoch before; what was told of it already is passed over. */
  #takeEntry(message: Message, upTo = Number.POSITIVE_INFINITY): void {
    if (message.kind !== 'events') return
    const { offset } = this.#told
    this.#deliver(
      message.events.filter(({ position }) => position.offset > offset && position.offset <= upTo),
    )
  }

  async #readLog(after: Position): Promise<LogSlice> {
    const { scripts, caller } = this.#options
    try {
      const slice = await scripts.read(caller(), after, this.#entries)
      this.#entries = Math.min(this.#entries * 2, READ_ENTRIES)
      return slice
    } catch (error) {
      this.#entries = Math.max(Math.floor(this.#entries / 2), 1)
      throw error
    }
  }

  /**
   * The room is as the snapshot says.
   * @param endedAt where what was told and what Redis has part, if that is known: what is behind it was said, and is told late
   */
  async #takeSnapshot(endedAt?: Position): Promise<void> {
    const { scripts, caller, sink, log } = this.#options
    const snapshot = await scripts.snapshot(caller())
    if (this.#renew) await this.#tellUpTo(snapshot.position)
    const missed = endedAt === undefined ? [] : await this.#saidBetween(endedAt, snapshot.position)
    if (this.#closed) return
    if (!this.#renew)
      log.warn(
        { told: this.#told, ...(endedAt && { kept: endedAt.offset }), now: snapshot.position },
        'Redis does not have all that happened: the room was taken as it is there',
      )
    this.#renew = false
    this.#leaveFor(snapshot.position)
    sink.reset(snapshot, this.#withMail(missed))
    this.#deliverMail()
  }

  /** What is told late, with the private messages that stand between. */
  #withMail(said: readonly Said[]): (Said | PrivateMessage)[] {
    const merged: (Said | PrivateMessage)[] = []
    for (const event of said) {
      const { epoch, offset } = event.position
      const waits = this.#mail.findIndex(({ after }) => {
        return after.epoch === epoch ? after.offset >= offset : !this.#past.has(after.epoch)
      })
      const due = this.#mail.splice(0, waits === -1 ? this.#mail.length : waits)
      merged.push(...due.map(({ message }) => message), event)
    }
    return merged
  }

  /** What was said after a position, up to another, as far as the log still has it. */
  async #saidBetween(after: Position, upTo: Position): Promise<Said[]> {
    const said: Said[] = []
    let from = after
    while (!this.#closed && (from.epoch !== upTo.epoch || from.offset < upTo.offset)) {
      const { messages } = await this.#readLog(from)
      if (messages === 'lost' || messages.length === 0) break
      for (const message of messages) {
        if (message.kind !== 'events') continue
        for (const event of message.events) {
          const { offset } = event.position
          if (event.kind === 'said' && offset > from.offset && offset <= upTo.offset) said.push(event)
        }
        from = message.head
      }
    }
    return said
  }

  /** Nothing was lost: what was said since the log was read is told before the snapshot, so that it is not left out. */
  async #tellUpTo({ epoch, offset }: Position): Promise<void> {
    while (!this.#closed && this.#told.epoch === epoch && this.#told.offset < offset) {
      const { messages } = await this.#readLog(this.#told)
      await this.#hearUpToHere()
      if (messages === 'lost') return
      for (const message of messages) this.#takeEntry(message, offset)
    }
  }

  /**
   * Everything is gone, and those who are still connected are about to claim their names again. Until they have had the time,
   * nobody is shown out; then the room is what it has become.
   */
  #beginAnew(epoch: string, claimsLeftMs: number): void {
    this.#moveTo({ epoch, offset: 0 })
    clearTimeout(this.#renewal)
    this.#renewal = setTimeout(() => {
      this.#renew = true
      void this.#read()
    }, claimsLeftMs)
  }
}
