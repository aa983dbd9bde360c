import { Timer } from './clock.js'
import type { Settings } from './types.js'

/** Something unanswered for so many times `answerTimeoutMs` is not slow but lost, whatever else comes. */
const LOST = 3

export interface Watched {
  /** When the oldest frame without an answer was written; undefined: the server owes nothing. */
  owedSince(): number | undefined
  /** Whether everything is answered sooner or later. Base sessions cannot tell. */
  answersAll(): boolean
  /** Asks for a sign of life. */
  probe(): void
  /** There is none. */
  dead(): void
}

/**
 * Notices that a connection is dead, where the platform does not say so: pings cannot be seen in browsers. Asks only when the
 * server owes an answer, or when told to: what a client sends by itself would keep its user from being away.
 */
export class Watch {
  readonly #settings: Settings
  readonly #watched: Watched
  readonly #timer: Timer
  #heardAt = 0
  #probedAt: number | undefined

  constructor(settings: Settings, watched: Watched) {
    this.#settings = settings
    this.#watched = watched
    this.#timer = new Timer(settings.clock)
  }

  /** Something came. */
  heard(): void {
    this.#heardAt = this.#settings.clock.now()
    this.#probedAt = undefined
  }

  /** Something was sent, or a connection begins. */
  start(): void {
    if (!this.#timer.running) this.#timer.start(this.#settings.answerTimeoutMs / 2, () => this.#look())
  }

  stop(): void {
    this.#timer.stop()
    this.#probedAt = undefined
  }

  #look(): void {
    const { answerTimeoutMs, heartbeatMs, clock } = this.#settings
    const now = clock.now()
    const owedSince = this.#watched.owedSince() ?? now
    const silence = now - Math.max(this.#heardAt, owedSince)
    const lost = this.#watched.answersAll() && now - owedSince >= LOST * answerTimeoutMs
    const unproved = this.#probedAt !== undefined && now - this.#probedAt >= answerTimeoutMs
    if (lost || unproved) {
      this.#watched.dead()
      return
    }
    const quiet = heartbeatMs > 0 && now - this.#heardAt >= heartbeatMs
    if (this.#probedAt === undefined && (silence >= answerTimeoutMs || quiet)) {
      this.#probedAt = now
      this.#watched.probe()
    }
    if (this.#probedAt !== undefined || owedSince < now || heartbeatMs > 0) this.start()
  }
}
