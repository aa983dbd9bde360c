/** What addresses are: the same in all their spellings, in ranges, and whose. */
import { isIPv4, isIPv6, SocketAddress } from 'node:net'

/** An address in groups of 16 bits: two for IPv4, eight for IPv6. IPv4 in IPv6 (RFC 4291, 2.5.5.2) is IPv4. */
type Groups = readonly number[]

const IPV6_GROUPS = 8
const GROUP_BITS = 16

/** undefined when it is no address; the zone of an IPv6 address (RFC 4007, 11) does not count. */
function groupsOf(ip: string): Groups | undefined {
  if (isIPv4(ip)) {
    const [a = 0, b = 0, c = 0, d = 0] = ip.split('.').map(Number)
    return [a * 256 + b, c * 256 + d]
  }
  const [address = ''] = ip.split('%')
  if (!isIPv6(address)) return undefined
  const { address: short } = new SocketAddress({ address, family: 'ipv6' })
  const ipv4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(short)?.[1]
  if (ipv4 !== undefined) return groupsOf(ipv4)
  // IPv4 at the end in another form, such as ::1.2.3.4, is two groups.
  const hexadecimal = short.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number)
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
  })
  const [head = '', tail] = hexadecimal.split('::')
  const read = (part: string) =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
  const [front, back] = [read(head), read(tail ?? '')]
  const gap = tail === undefined ? 0 : IPV6_GROUPS - front.length - back.length
  return [...front, ...Array<number>(Math.max(gap, 0)).fill(0), ...back]
}

/** The first bits of an address, as a key. */
function prefix(groups: Groups, bits: number): string {
  const kept = groups.map((group, index) => {
    const left = Math.min(Math.max(bits - index * GROUP_BITS, 0), GROUP_BITS)
    return group & (0xffff << (GROUP_BITS - left)) & 0xffff
  })
  return kept.join(':')
}

/** Of IPv6 four groups, a /64: a network has so many addresses that counting them one by one would be counting nothing (RFC 6177). */
const SUBNET_GROUPS = 4

/** Whom an address belongs to, as far as one can tell: itself, or its /64 (RFC 4291). What is no address is its own. */
export function addressGroup(ip: string): string {
  const groups = groupsOf(ip)
  if (groups === undefined) return ip
  if (groups.length === IPV6_GROUPS) {
    const subnet = groups.slice(0, SUBNET_GROUPS).map((group) => group.toString(16))
    return `${subnet.join(':')}::/64`
  }
  return groups.flatMap((group) => [group >> 8, group & 255]).join('.')
}

/**
 * An address as the rest of the program has it: without the port and the brackets that some proxies write, without a zone, and IPv4 in
 * IPv6 as IPv4.
 * @returns undefined when it is none
 */
export function plainAddress(text: string): string | undefined {
  const [, bracketed] = /^\[([^\]]*)\](?::\d+)?$/.exec(text) ?? []
  const [, ported] = /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text) ?? []
  const [address = ''] = (bracketed ?? ported ?? text).split('%')
  const groups = groupsOf(address)
  if (groups === undefined) return undefined
  return groups.length === IPV6_GROUPS ? address : addressGroup(address)
}

/** A range of addresses: those that begin with the same bits. */
export interface Range {
  readonly groups: Groups
  readonly bits: number
}

/**
 * Reads an address, or a range of them as CIDR (RFC 4632, RFC 4291 2.3). IPv4 in IPv6 is IPv4, and so are its ranges.
 * @returns undefined when it is none
 */
export function parseRange(value: string): Range | undefined {
  const [written = '', length, ...rest] = value.split('/')
  if (rest.length > 0 || (length !== undefined && !/^(0|[1-9]\d{0,2})$/.test(length))) return undefined
  // A zone is of one machine: nobody else has it.
  const groups = written.includes('%') ? undefined : groupsOf(written)
  if (groups === undefined) return undefined
  const most = groups.length * GROUP_BITS
  // A range that is wider than IPv4 in IPv6 was hardly meant: it would be everybody.
  const fixed = isIPv6(written) ? IPV6_GROUPS * GROUP_BITS - most : 0
  const bits = length === undefined ? most : Number(length) - fixed
  return bits >= 0 && bits <= most ? { groups, bits } : undefined
}

/** Ranges of addresses, to be asked whether an address is in one of them: what that costs does not depend on how many there are. */
export class Ranges {
  /** By how many groups the address has and how many bits count: the prefixes, and how many ranges have each. */
  readonly #sets = new Map<
    string,
    { readonly groups: number; readonly bits: number; readonly counts: Map<string, number> }
  >()

  add({ groups, bits }: Range): void {
    const name = `${groups.length}/${bits}`
    const set = this.#sets.get(name) ?? { groups: groups.length, bits, counts: new Map() }
    const key = prefix(groups, bits)
    set.counts.set(key, (set.counts.get(key) ?? 0) + 1)
    this.#sets.set(name, set)
  }

  remove({ groups, bits }: Range): void {
    const name = `${groups.length}/${bits}`
    const set = this.#sets.get(name)
    const key = prefix(groups, bits)
    const left = (set?.counts.get(key) ?? 0) - 1
    if (left > 0) set?.counts.set(key, left)
    else set?.counts.delete(key)
    if (set?.counts.size === 0) this.#sets.delete(name)
  }

  /** @param ip what is no address is in no range */
  has(ip: string): boolean {
    if (this.#sets.size === 0) return false
    const address = groupsOf(ip)
    if (address === undefined) return false
    for (const { groups, bits, counts } of this.#sets.values())
      if (groups === address.length && counts.has(prefix(address, bits))) return true
    return false
  }
}
