import { attemptAfter, backoffMs, comesBack } from './backoff.js'
import { Timer } from './clock.js'
import { Connection } from './connection.js'
import { ChatError } from './errors.js'
import type { ServerFrame, ServerFrames, Settings, State, StateChange } from './types.js'

/** A connection that held for so long was a good one: the next pause is a short one again. */
const STABLE_MS = 10_000

/**
 * For so long "the name is in use" may mean a session of our own that the server does not know to be broken: three intervals of its
 * pings (protocol 1.1), then the time of grace.
 */
const OWN_GHOST_MS = 120_000

/** How long the server may take to close after `disconnect`. */
const LEAVE_MS = 3000

export interface LinkOwner {
  /** The frame to register with: see {@link Connection}. */
  register(plain: boolean): string
  registered(frame: ServerFrames['register_success']): void
  heard(frame: ServerFrame | undefined): void
  /** To any state but `online`, which `registered` says. `closed` is for good, until it is opened again. */
  changed(change: StateChange): void
}

/** Keeps a connection: makes it, and makes it again when it breaks, as long as that is wanted and of use (part 2, close codes). */
export class Link {
  readonly #url: string
  readonly #settings: Settings
  readonly #owner: LinkOwner
  readonly #deadline: Timer
  readonly #attempt: Timer
  readonly #pause: Timer
  #state: State = 'closed'
  #connection: Connection | undefined
  #leaving = false
  /** Pauses since the last good connection. */
  #pauses = 0
  #onlineSince: number | undefined
  /** Whether the server may have a session of ours. */
  #hasGhost = false
  #takenSince: number | undefined
  #error: ChatError | undefined

  constructor(url: string, settings: Settings, owner: LinkOwner) {
    this.#url = url
    this.#settings = settings
    this.#owner = owner
    this.#deadline = new Timer(settings.clock)
    this.#attempt = new Timer(settings.clock)
    this.#pause = new Timer(settings.clock)
  }

  get state(): State {
    return this.#state
  }

  /** Begins; while it waits, tries at once. */
  open(): void {
    const { connectTimeoutMs } = this.#settings
    if (this.#state === 'closed') {
      this.#leaving = false
      this.#pauses = 0
      this.#takenSince = undefined
      this.#error = undefined
      this.#deadline.start(connectTimeoutMs, () => this.#end(this.#error ?? timeout('connecting')))
      this.#connect()
    } else if (this.#state === 'waiting') {
      this.#connect()
    }
  }

  send(frame: string): void {
    this.#connection?.send(frame)
  }

  /** Gives up this connection, for another one. */
  renew(why: string): void {
    this.#connection?.drop(new ChatError('DISCONNECTED', why))
  }

  /** Ends: at once, or when the server has closed after a last frame. */
  leave(last: string): void {
    if (this.#state === 'online') {
      this.#leaving = true
      this.#attempt.start(LEAVE_MS, () => this.renew('leaving'))
      this.send(last)
    } else {
      this.#end()
    }
  }

  #connect(): void {
    const { WebSocket, attemptTimeoutMs } = this.#settings
    this.#pause.stop()
    this.#state = 'connecting'
    let asked = false
    try {
      const connection = new Connection(new WebSocket(this.#url), {
        register: (plain) => {
          asked = true
          return this.#owner.register(plain)
        },
        registered: (frame) => this.#registered(frame),
        heard: (frame) => this.#owner.heard(frame),
        ended: (error, refused) => {
          this.#hasGhost ||= asked && !refused
          this.#ended(error, refused)
        },
      })
      this.#connection = connection
      this.#attempt.start(attemptTimeoutMs, () => connection.drop(timeout('registering')))
      this.#owner.changed({ state: 'connecting' })
    } catch (error) {
      // An address that is none.
      this.#end(new ChatError('DISCONNECTED', String(error)))
    }
  }

  #registered(frame: ServerFrames['register_success']): void {
    this.#deadline.stop()
    this.#attempt.stop()
    this.#state = 'online'
    this.#onlineSince = this.#settings.clock.now()
    this.#takenSince = undefined
    this.#owner.registered(frame)
  }

  #ended(error: ChatError, refused: boolean): void {
    const { clock, random, backoffBaseMs, backoffCapMs } = this.#settings
    this.#attempt.stop()
    this.#connection = undefined
    this.#error = error
    if (this.#onlineSince !== undefined && clock.now() - this.#onlineSince >= STABLE_MS) this.#pauses = 0
    this.#onlineSince = undefined
    if (this.#leaving) {
      this.#end()
    } else if (!this.#isOfUse(error, refused)) {
      this.#end(error)
    } else {
      const attempt = attemptAfter(error.closeCode, this.#pauses)
      const retryInMs = backoffMs(attempt, random(), backoffBaseMs, backoffCapMs)
      this.#pauses = attempt + 1
      this.#state = 'waiting'
      this.#pause.start(retryInMs, () => this.#connect())
      this.#owner.changed({ state: 'waiting', retryInMs, error })
    }
  }

  /** Whether it is of use to come back. */
  #isOfUse({ code, retry, closeCode }: ChatError, refused: boolean): boolean {
    if (!refused) return closeCode === undefined || comesBack(closeCode)
    if (retry) return true
    if (!this.#hasGhost || !(code === 'NAME_TAKEN' || code === 'REFUSED')) return false
    const now = this.#settings.clock.now()
    this.#takenSince ??= now
    return now - this.#takenSince < OWN_GHOST_MS
  }

  #end(error?: ChatError): void {
    this.#deadline.stop()
    this.#attempt.stop()
    this.#pause.stop()
    this.#state = 'closed'
    const connection = this.#connection
    this.#connection = undefined
    connection?.abandon()
    this.#hasGhost = false
    this.#owner.changed({ state: 'closed', ...(error && { error }) })
  }
}

function timeout(what: string): ChatError {
  return new ChatError('TIMEOUT', `${what} took too long`)
}
