/** Who must stay outside: a fold of events, like the directory. */
import { keyOf, type NameKey } from '../protocol/names.js'
import { parseRange, Ranges } from './address.js'
import type { Ban } from './events.js'

/** The most bans that there can be at once. */
export const MAX_BANS = 10_000

/** All bans that hold. Those that are over are forgotten when somebody looks. */
export class Bans {
  readonly #bans = new Map<string, Ban>()
  /** What they forbid: names, and how many bans forbid each; and addresses. */
  readonly #names = new Map<NameKey, number>()
  readonly #addresses = new Ranges()
  /** When the next of them is over. */
  #soonest = Number.POSITIVE_INFINITY

  constructor(bans: Iterable<Ban> = []) {
    for (const ban of bans) this.add(ban)
  }

  add(ban: Ban): void {
    this.lift(ban.id)
    this.#bans.set(ban.id, ban)
    this.#soonest = Math.min(this.#soonest, ban.expiresAt ?? Number.POSITIVE_INFINITY)
    const range = ban.kind === 'ip' ? parseRange(ban.value) : undefined
    if (range) this.#addresses.add(range)
    if (ban.kind === 'name') this.#countName(keyOf(ban.value), 1)
  }

  lift(id: string): void {
    const ban = this.#bans.get(id)
    if (ban === undefined) return
    this.#bans.delete(id)
    const range = ban.kind === 'ip' ? parseRange(ban.value) : undefined
    if (range) this.#addresses.remove(range)
    if (ban.kind === 'name') this.#countName(keyOf(ban.value), -1)
  }

  /**
   * In the order in which they were made.
   * @param now milliseconds since 1970
   */
  all(now: number): Ban[] {
    this.#forget(now)
    return [...this.#bans.values()]
  }

  has(id: string, now: number): boolean {
    this.#forget(now)
    return this.#bans.has(id)
  }

  count(now: number): number {
    this.#forget(now)
    return this.#bans.size
  }

  forbidsName(key: NameKey, now: number): boolean {
    this.#forget(now)
    return this.#names.has(key)
  }

  /** @param ip an address in any spelling; IPv4 in IPv6 counts as IPv4 */
  forbidsAddress(ip: string, now: number): boolean {
    this.#forget(now)
    return this.#addresses.has(ip)
  }

  #countName(key: NameKey, by: number): void {
    const count = (this.#names.get(key) ?? 0) + by
    if (count > 0) this.#names.set(key, count)
    else this.#names.delete(key)
  }

  #forget(now: number): void {
    if (now < this.#soonest) return
    this.#soonest = Number.POSITIVE_INFINITY
    for (const { id, expiresAt = Number.POSITIVE_INFINITY } of [...this.#bans.values()]) {
      if (expiresAt <= now) this.lift(id)
      else this.#soonest = Math.min(this.#soonest, expiresAt)
    }
  }
}
