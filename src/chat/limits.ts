/** How much one address may take of this node. */
import { addressGroup } from '../room/address.js'
import { TokenBucket } from '../room/rate.js'

export interface ConnectionLimits {
  /** Of all addresses together, and of one (IPv6: of one /64); 0: no limit. */
  readonly max: number
  readonly maxPerAddress: number
}

/** Counts connections, in all and by address. */
export class ConnectionCounter {
  readonly #limits: ConnectionLimits
  readonly #byGroup = new Map<string, number>()
  #all = 0

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  /**
   * Counts another connection.
   * @returns what ends its being counted, or why there is no place for it: here, or for its address
   */
  enter(ip: string): (() => void) | 'full' | 'too-many' {
    const { max, maxPerAddress } = this.#limits
    if (max > 0 && this.#all >= max) return 'full'
    const group = addressGroup(ip)
    const count = this.#byGroup.get(group) ?? 0
    if (maxPerAddress > 0 && count >= maxPerAddress) return 'too-many'
    this.#all += 1
    this.#byGroup.set(group, count + 1)
    let counted = true
    return () => {
      if (counted) this.#leave(group)
      counted = false
    }
  }

  #leave(group: string): void {
    this.#all -= 1
    const left = (this.#byGroup.get(group) ?? 0) - 1
    if (left > 0) this.#byGroup.set(group, left)
    else this.#byGroup.delete(group)
  }
}

/** As many addresses as this are remembered before those that have been quiet are forgotten. */
const FORGOTTEN_MIN = 1024

/** How often something may be done from one address. Times are in milliseconds, by one clock. */
export class AddressRate {
  readonly #perMinute: number
  readonly #buckets = new Map<string, TokenBucket>()
  #forgetAt = FORGOTTEN_MIN

  /** @param perMinute also how often it may be done at once; 0: no limit */
  constructor(perMinute: number) {
    this.#perMinute = perMinute
  }

  /** How many addresses are remembered. */
  get size(): number {
    return this.#buckets.size
  }

  /**
   * Asks to do it once.
   * @returns 0 when it may be done now, and then it is counted; else after how long to ask again
   */
  ask(ip: string, now: number): number {
    if (this.#perMinute === 0) return 0
    const group = addressGroup(ip)
    const bucket = this.#buckets.get(group) ?? this.#remember(group, now)
    const waitMs = bucket.waitMs(now)
    if (waitMs === 0) bucket.spend(1, now)
    return waitMs
  }

  #remember(group: string, now: number): TokenBucket {
    if (this.#buckets.size >= this.#forgetAt) {
      for (const [other, bucket] of this.#buckets) if (bucket.isFull(now)) this.#buckets.delete(other)
      this.#forgetAt = Math.max(this.#buckets.size * 2, FORGOTTEN_MIN)
    }
    const bucket = new TokenBucket({ perSecond: this.#perMinute / 60, burst: this.#perMinute }, now)
    this.#buckets.set(group, bucket)
    return bucket
  }
}
