/** Who must stay outside: a fold of events, like the directory. */
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { keyOf, type NameKey } from '../protocol/names.js'
import type { Ban } from './events.js'

/** The most bans that there can be at once. */
export const MAX_BANS = 10_000

/** A range of addresses. */
export interface Range {
  readonly address: string
  readonly bits: number
  readonly family: 'ipv4' | 'ipv6'
}

/**
 * Reads an address, or a range of them as CIDR (RFC 4632, RFC 4291 2.3). IPv4 in IPv6 is IPv4, and so are its ranges.
 * @returns undefined when it is none
 */
export function parseRange(value: string): Range | undefined {
  const [written = '', bits, ...rest] = value.split('/')
  if (rest.length > 0 || (bits !== undefined && !/^(0|[1-9]\d{0,2})$/.test(bits))) return undefined
  const address = written.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '')
  const family = isIPv4(address) ? 'ipv4' : isIPv6(address) && !address.includes('%') ? 'ipv6' : undefined
  if (family === undefined) return undefined
  const most = family === 'ipv4' ? 32 : 128
  // A range that is wider than IPv4 in IPv6 was hardly meant: it would be everybody.
  const fixed = address === written ? 0 : 96
  const length = bits === undefined ? most : Number(bits) - fixed
  return length >= 0 && length <= most ? { address, bits: length, family } : undefined
}

/** All bans that hold. Those that are over are forgotten when somebody looks. */
export class Bans {
  readonly #bans = new Map<string, Ban>()
  /** What they forbid; undefined when it must be put together anew. */
  #forbidden: { readonly names: ReadonlySet<NameKey>; readonly addresses: BlockList } | undefined
  /** When the next of them is over. */
  #soonest = Number.POSITIVE_INFINITY

  constructor(bans: Iterable<Ban> = []) {
    for (const ban of bans) this.add(ban)
  }

  add(ban: Ban): void {
    this.#bans.set(ban.id, ban)
    this.#soonest = Math.min(this.#soonest, ban.expiresAt ?? Number.POSITIVE_INFINITY)
    this.#forbidden = undefined
  }

  lift(id: string): void {
    if (this.#bans.delete(id)) this.#forbidden = undefined
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
    return this.count(now) > 0 && this.#rules().names.has(key)
  }

  /** @param ip an address; IPv4 in IPv6 counts as IPv4 */
  forbidsAddress(ip: string, now: number): boolean {
    if (this.count(now) === 0) return false
    const range = parseRange(ip)
    return range !== undefined && this.#rules().addresses.check(range.address, range.family)
  }

  #forget(now: number): void {
    if (now < this.#soonest) return
    this.#soonest = Number.POSITIVE_INFINITY
    for (const { id, expiresAt = Number.POSITIVE_INFINITY } of this.#bans.values()) {
      if (expiresAt <= now) this.#bans.delete(id)
      else this.#soonest = Math.min(this.#soonest, expiresAt)
    }
    this.#forbidden = undefined
  }

  #rules() {
    if (this.#forbidden !== undefined) return this.#forbidden
    const names = new Set<NameKey>()
    const addresses = new BlockList()
    for (const { kind, value } of this.#bans.values()) {
      const range = kind === 'ip' ? parseRange(value) : undefined
      if (kind === 'name') names.add(keyOf(value))
      else if (range) addresses.addSubnet(range.address, range.bits, range.family)
    }
    this.#forbidden = { names, addresses }
    return this.#forbidden
  }
}
