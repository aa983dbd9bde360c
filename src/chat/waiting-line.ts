/** Who goes on when, where more come than can be served at a time. */
import { TokenBucket } from '../room/rate.js'

/**
 * Nobody waits longer than this for his turn. Clients and proxies give up on an answer after 10 to 20 s (`docker/haproxy.cfg`: 15 s):
 * whoever waited longer would be served when he has gone.
 */
export const MAX_WAIT_MS = 10_000

/** How often it is to be looked whose turn it is. */
export const SLICE_MS = 10

/** Twice what is due in a slice go on at a time, so that a look that came late is made up for, but not all at once. */
const SLICES_AT_ONCE = 2

/** So much of a second's worth goes on at once when nobody waits. */
const BURST = 0.1

/** What becomes of somebody who comes: he goes on, he waits, or he would have to wait for too long. */
export type Entrance = 'go' | 'wait' | 'full'

/** Lets so many go on in a second, in the order in which they came. Times are in milliseconds, by one clock. */
export class WaitingLine<T extends object> {
  readonly #perSecond: number
  readonly #atOnce: number
  readonly #bucket: TokenBucket
  readonly #waiting = new Set<T>()

  /** @param perSecond 0: no limit, and nobody waits */
  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond
    this.#atOnce = Math.max(Math.ceil((perSecond * SLICES_AT_ONCE * SLICE_MS) / 1000), 1)
    this.#bucket = new TokenBucket({ perSecond, burst: Math.max(perSecond * BURST, 1) }, now)
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.size
  }

  /** Comes, and waits at the end of the line where he must. */
  enter(someone: T, now: number): Entrance {
    if (this.#perSecond === 0) return 'go'
    const waitMs = this.#bucket.waitMs(now) + (this.size / this.#perSecond) * 1000
    if (waitMs > MAX_WAIT_MS) return 'full'
    if (waitMs > 0) {
      this.#waiting.add(someone)
      return 'wait'
    }
    this.#bucket.spend(1, now)
    return 'go'
  }

  /** Gives up a place in the line: those behind it move up. */
  leave(someone: T): void {
    this.#waiting.delete(someone)
  }

  /** Takes those whose turn it is out of the line, the first one first. */
  next(now: number): T[] {
    const due: T[] = []
    for (const someone of this.#waiting) {
      if (due.length === this.#atOnce || this.#bucket.waitMs(now) > 0) break
      this.#bucket.spend(1, now)
      this.#waiting.delete(someone)
      due.push(someone)
    }
    return due
  }

  /** Takes all out of the line. */
  clear(): T[] {
    const all = [...this.#waiting]
    this.#waiting.clear()
    return all
  }
}
