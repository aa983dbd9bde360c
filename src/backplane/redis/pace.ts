/** The least that a paced batch waits, in milliseconds; the most is twice as long. */
export const PACE_MS = 2

/**
 * How long after the last batch the next is sent at the earliest, when there was more than one proposal in that: a batch costs as much
 * as ten proposals, and each is a write to every socket; under load this makes them larger. With no load nothing waits. It is twice as
 * long as the last batch took until this node had told everyone, but at least so long, and at most twice that (docs/decisions/0011).
 * Times are milliseconds by one monotonic clock.
 */
export class Pace {
  readonly #leastMs: number
  #at = Number.NEGATIVE_INFINITY
  #tookMs = 0
  #count = 0

  /** @param leastMs for tests that cannot be as quick as {@link PACE_MS} */
  constructor(leastMs = PACE_MS) {
    this.#leastMs = leastMs
  }

  /** Whether the next batch has to wait, however long. */
  get paced(): boolean {
    return this.#count > 1
  }

  /** A batch of so many proposals is sent. */
  sent(count: number, now: number): void {
    this.#at = now
    this.#count = count
  }

  /** Everyone on this node has been told what became of it. */
  told(now: number): void {
    this.#tookMs = now - this.#at
  }

  /** For how long the next had better wait; not more than 0 when it need not. */
  waitMs(now: number): number {
    if (!this.paced) return 0
    const pace = Math.min(Math.max(this.#tookMs * 2, this.#leastMs), this.#leastMs * 2)
    return this.#at + pace - now
  }
}
