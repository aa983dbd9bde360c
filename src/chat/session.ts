import type { Decoded } from '../protocol/codec.js'
import type { CloseDefinition } from '../protocol/codes.js'
import type { Status } from '../protocol/frames.js'
import { keyOf, type NameKey } from '../protocol/names.js'
import type { AccountId, SessionId } from '../room/events.js'
import { type RateOptions, TokenBucket } from '../room/rate.js'
import type { Connection } from './connection.js'
import type { Recipient } from './delivery.js'
import type { Extension } from './extension.js'
import { Outbox } from './outbox.js'

/** A connection with more frames waiting than this is not read further; nor one whose waiting frames are larger together. */
const MAX_WAITING_FRAMES = 64
const MAX_WAITING_BYTES = 256 * 1024

/** After so many frames of a connection others have a turn of the event loop: however much one client sends. */
const MAX_FRAMES_IN_A_ROW = 64

/** How long a client that is being closed may take to read what is left, and to answer the closing handshake. */
const CLOSE_GRACE_MS = 5000

/** What stands around a frame's payload on its way, at most: its header, and that of a TLS record (RFC 8446, 5.2). */
const FRAME_OVERHEAD_BYTES = 64

/** So much may have been read from a connection that is not a whole frame yet, or waits in the library. */
const SLACK_BYTES = 512 * 1024

/**
 * - `new`: connected; no `register` has succeeded
 * - `joining`: its `register` has been proposed
 * - `present`: registered
 * - `leaving`: its `disconnect` has been proposed
 * - `closed`: over
 */
export type SessionState = 'new' | 'joining' | 'present' | 'leaving' | 'closed'

/** Who a session is, or wants to be: what it would claim again if its node were swept. */
export interface Identity {
  readonly key: NameKey
  readonly name: string
  readonly connectedAt: number
  readonly status: Status
  readonly order?: number
  readonly account?: AccountId
}

/** A session that has a name. */
export type NamedSession = Session & { readonly identity: Identity }

/** A session that has extensions. */
export type ExtendedSession = Session & { readonly extension: Extension }

/** Reads a frame that has come, once it is its turn. */
export type Read = () => Decoded

/** What waits for its turn, and how many bytes of the client's it holds. */
interface Waiting {
  readonly next: Read | Decoded
  readonly bytes: number
}

/** Has a frame take effect; false when the frame must wait for the session's earlier ones. */
export type Perform = (session: Session, decoded: Decoded) => boolean

export interface SessionOptions {
  readonly id: SessionId
  readonly connection: Connection
  readonly perform: Perform
  readonly outboxMaxBytes: number
  /** How fast its frames may take effect; without it, as fast as they come. */
  readonly rate?: RateOptions
  /** Milliseconds since 1970. */
  readonly now: number
}

/** One connection: who it is, and its frames in the order in which they were sent. */
export class Session implements Recipient {
  readonly id: SessionId
  readonly connection: Connection
  readonly outbox: Outbox
  state: SessionState = 'new'
  identity: Identity | undefined
  /** Whether the client knows the extensions: its last `register` asked for them. */
  extended = false
  extension: Extension | undefined
  /** Set INACTIVO by the server: the next accepted frame undoes it. */
  away = false
  seen = 0
  /** What the keepalive knows of it. */
  readonly pulse = { part: 0, bytesRead: -1, taken: -1, silent: 0 }
  readonly connectedAt: number
  /** When the client last sent a frame. */
  activeAt: number
  readonly #perform: Perform
  readonly #waiting: Waiting[] = []
  #waitingBytes = 0
  /** What the frames that have come may have taken on their way, and what there was besides, in pieces that have been charged. */
  #expectedBytes = SLACK_BYTES
  #chargedPieces = 0
  /** Proposals whose outcome is not known yet. */
  #unsettled = 0
  /** How many things are under way until whose end nothing at all may take effect. */
  #held = 0
  /** How many frames may still take effect until others have a turn. */
  #allowance = MAX_FRAMES_IN_A_ROW
  #onHeard: (() => void) | undefined
  /** How much of what a client that has gone has sent too fast still takes effect: what it might have had waiting. */
  #lastWords = MAX_WAITING_FRAMES
  readonly #bucket: TokenBucket | undefined
  /** Set while it has to wait, because it has been too fast. */
  #slowed: NodeJS.Timeout | undefined
  #paused = false
  #closing: NodeJS.Timeout | undefined

  constructor({ id, connection, perform, outboxMaxBytes, rate, now }: SessionOptions) {
    this.id = id
    this.connection = connection
    this.outbox = new Outbox(connection, outboxMaxBytes)
    this.connectedAt = now
    this.activeAt = now
    this.#perform = perform
    if (rate) this.#bucket = new TokenBucket(rate, performance.now())
  }

  /** Whether everything that the client sent before has taken effect. */
  get settled(): boolean {
    return this.#unsettled === 0
  }

  /** Whether the server has stopped reading, so that the client's silence is not its own. */
  get paused(): boolean {
    return this.#paused
  }

  /** Whether the session has a name, or has asked for one. */
  isNamed(): this is NamedSession {
    return this.identity !== undefined
  }

  /** Whether the session has, or is about to have, what extended sessions have. */
  isExtended(): this is ExtendedSession {
    return this.extension !== undefined
  }

  /** Whether a `sender` is this session's own name (protocol 1.2). */
  owns(sender: string): boolean {
    return (
      this.identity !== undefined && (sender === this.identity.name || keyOf(sender) === this.identity.key)
    )
  }

  /** Takes a frame of the client, of so many bytes; it is read, and takes effect, in its turn. */
  receive(read: Read, bytes: number, now: number): void {
    if (this.state === 'closed') return
    this.activeAt = now
    this.#waiting.push({ next: read, bytes })
    this.#waitingBytes += bytes
    this.#chargeOverhead(bytes)
    this.#proceed()
  }

  /** Takes a control frame (RFC 6455, 5.5): it costs what any frame does, and is no sign that anybody is there. */
  receiveControl(): void {
    if (this.state === 'closed') return
    this.charge(1)
    this.#chargeOverhead(0)
    this.#proceed()
  }

  /** Has it pay for something that costs more than a frame that is accepted: it will have to wait the sooner. */
  charge(cost: number): void {
    this.#bucket?.spend(cost, performance.now())
  }

  /** To be called when something was proposed for this session, and {@link settle} when its outcome is known. */
  begin(): void {
    this.#unsettled += 1
  }

  settle(): void {
    this.#unsettled -= 1
    this.#proceed()
  }

  /** Like {@link begin}, and nothing that the client sent afterwards takes effect before {@link release}. */
  hold(): void {
    this.#held += 1
  }

  release(): void {
    this.#held -= 1
    this.#proceed()
  }

  /** Calls back once everything that has come from the client has been heard: at once, if nothing waits. */
  whenHeard(callback: () => void): void {
    this.#onHeard = callback
    this.#proceed()
  }

  /** Lets the client read what is left, then closes. The state must be `closed` already. */
  hangUp({ code, reason }: CloseDefinition): void {
    this.#endWait()
    this.#drop()
    this.#resume()
    this.#closing = setTimeout(() => this.connection.terminate(), CLOSE_GRACE_MS)
    this.outbox.onceEmpty(() => this.connection.close(code, reason))
  }

  /** To be called when the connection is gone. */
  connectionEnded(): void {
    clearTimeout(this.#closing)
    this.#endWait()
    // Whoever waits for it to read waits no more.
    this.outbox.flush()
  }

  #proceed(): void {
    while (this.state !== 'closed' && this.#held === 0 && this.#allowance > 0 && this.#mayGoOn()) {
      if (this.outbox.pressed) {
        // Whoever asks and does not read gets no more answers until it does.
        this.outbox.onceRelieved(() => this.#proceed())
        break
      }
      const waiting = this.#waiting.shift()
      if (waiting === undefined) break
      const { next, bytes } = waiting
      this.#waitingBytes -= bytes
      const decoded = typeof next === 'function' ? next() : next
      if (!this.#perform(this, decoded)) {
        this.#waiting.unshift({ next: decoded, bytes })
        this.#waitingBytes += bytes
        break
      }
      this.#allowance -= 1
      if (this.#onHeard !== undefined && this.#waitMs > 0) this.#lastWords -= 1
      this.charge(1)
      if (this.#allowance === 0) setImmediate(() => this.#continue())
    }
    if (this.#waiting.length === 0 || this.state === 'closed') this.#heard()
    const waits = this.#waiting.length + this.#unsettled > MAX_WAITING_FRAMES
    if (waits || this.#waitingBytes > MAX_WAITING_BYTES || this.#slowed !== undefined) this.#pause()
    else this.#resume()
  }

  /** Whoever sends little in many pieces, such as fragments without a byte, makes as much work as whoever sends many frames. */
  #chargeOverhead(bytes: number): void {
    this.#expectedBytes += bytes + FRAME_OVERHEAD_BYTES
    const pieces = Math.floor((this.connection.socket.bytesRead - this.#expectedBytes) / FRAME_OVERHEAD_BYTES)
    if (pieces <= this.#chargedPieces) return
    this.charge(pieces - this.#chargedPieces)
    this.#chargedPieces = pieces
  }

  #drop(): void {
    this.#waiting.length = 0
    this.#waitingBytes = 0
  }

  #endWait(): void {
    clearTimeout(this.#slowed)
    this.#slowed = undefined
  }

  /** How long until it has not been too fast. */
  get #waitMs(): number {
    return this.#bucket?.waitMs(performance.now()) ?? 0
  }

  /** Whether it has not been too fast. Else it goes on by itself when it may. */
  #mayGoOn(): boolean {
    const waitMs = this.#waitMs
    if (waitMs === 0) return true
    if (this.state === 'closed') return false
    if (this.#onHeard !== undefined) return this.#mayFinish()
    this.#slowed ??= setTimeout(() => {
      this.#slowed = undefined
      this.#proceed()
    }, waitMs)
    return false
  }

  /**
   * Whether a client that has gone is heard on, although it was too fast. Its name does not wait for as long as all of it would take; and
   * whoever hangs up again and again is no faster by that.
   */
  #mayFinish(): boolean {
    if (this.#lastWords <= 0) this.#drop()
    return this.#waiting.length > 0
  }

  #continue(): void {
    this.#allowance = MAX_FRAMES_IN_A_ROW
    this.#proceed()
  }

  #heard(): void {
    const callback = this.#onHeard
    this.#onHeard = undefined
    callback?.()
  }

  #pause(): void {
    if (this.#paused || this.state === 'closed') return
    this.#paused = true
    this.connection.pause()
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.connection.resume()
  }
}
