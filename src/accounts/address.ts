import { isIPv6, SocketAddress } from 'node:net'

/** Of IPv6 the first four groups: a network has so many addresses that counting them one by one would be counting nothing (RFC 6177). */
const GROUPS = 4

/** Whom an address belongs to, as far as one can tell: itself, or its /64 (RFC 4291). */
export function addressGroup(ip: string): string {
  if (!isIPv6(ip)) return ip
  // In its shortest form, and without a zone.
  const { address: short } = new SocketAddress({ address: ip, family: 'ipv6' })
  // All of IPv4 in IPv6 (RFC 4291, 2.5.5.2) is in one /64: what stands in it counts.
  const ipv4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(short)?.[1]
  if (ipv4 !== undefined) return ipv4
  const [head = '', tail] = short.split('::')
  const groups = head === '' ? [] : head.split(':')
  const behind = tail === undefined || tail === '' ? [] : tail.split(':')
  if (tail !== undefined)
    groups.push(...Array<string>(Math.max(8 - groups.length - behind.length, 0)).fill('0'))
  return `${[...groups, ...behind].slice(0, GROUPS).join(':')}::/64`
}
