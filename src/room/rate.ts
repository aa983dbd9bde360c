/** How fast somebody may go on: a token bucket. */

export interface RateOptions {
  /** So many tokens come back each second; 0: there is no limit. */
  readonly perSecond: number
  /** So many there are at most, and at the beginning. */
  readonly burst: number
}

/** Tokens that are spent as things are done; whoever has none left waits. Times are in milliseconds, by one clock. */
export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #at: number

  constructor({ perSecond, burst }: RateOptions, now: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#tokens = burst
    this.#at = now
  }

  /** Spends tokens; there may be less than none afterwards. */
  spend(cost: number, now: number): void {
    if (this.#perSecond === 0) return
    this.#refill(now)
    this.#tokens -= cost
  }

  /** How long it takes until the next thing may be done; 0 when it may be done now. */
  waitMs(now: number): number {
    if (this.#perSecond === 0) return 0
    this.#refill(now)
    return this.#tokens >= 1 ? 0 : ((1 - this.#tokens) / this.#perSecond) * 1000
  }

  /** Whether nothing was spent that has not come back. */
  isFull(now: number): boolean {
    this.#refill(now)
    return this.#tokens >= this.#burst
  }

  #refill(now: number): void {
    // A clock that is set back gives nothing, and takes nothing.
    const passed = Math.max(now - this.#at, 0)
    this.#at = now
    this.#tokens = Math.min(this.#tokens + (passed / 1000) * this.#perSecond, this.#burst)
  }
}
