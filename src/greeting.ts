import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'

const ANY_HOST = ['0.0.0.0', '::']
const LOOPBACK = /^(127\.|::1$|localhost$)/

/** What the server says once it listens: where, how to try it, how to let the local network in. */
export function greeting(host: string, port: number, localAddresses = lanAddresses()): string[] {
  const open = ANY_HOST.includes(host)
  const own = authority(open ? '127.0.0.1' : host, port)
  const lines = [
    `Tertulia is listening: ws://${own}/chat (API: http://${own}/docs). Try: npx wscat -c ws://${own}/chat`,
  ]
  if (open) {
    const urls = localAddresses.map((address) => `ws://${authority(address, port)}/chat`)
    lines.push(`The network is let in: ${urls.join(' ') || 'this machine has no address there yet'}`)
  } else if (LOOPBACK.test(host)) {
    lines.push('Only this machine can connect. To let the local network in: HOST=0.0.0.0 npm start')
  }
  return lines
}

/** How an operator uses the token that was made for want of an ADMIN_TOKEN. */
export function tokenHint(host: string, port: number, token: string): string {
  const own = authority(ANY_HOST.includes(host) ? '127.0.0.1' : host, port)
  return `Operators: curl -H 'Authorization: Bearer ${token}' http://${own}/users`
}

/** Host and port as they stand in a URL (RFC 3986, 3.2). */
function authority(host: string, port: number): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`
}

function lanAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses = []) => addresses)
  return all.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address)
}
