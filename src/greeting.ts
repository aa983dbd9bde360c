import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'

const ANY_HOST = ['0.0.0.0', '::']
const LOOPBACK = /^(127\.|::1$|localhost$)/

/** Where the server runs, and how it is reached. */
export interface Surroundings {
  /** Whether it runs in a container: what is reached from outside is not its to say. */
  readonly contained?: boolean
  /** Whether it speaks TLS. */
  readonly secure?: boolean
  readonly localAddresses?: readonly string[]
}

const schemes = (secure: boolean) => (secure ? { ws: 'wss', http: 'https' } : { ws: 'ws', http: 'http' })

/**
 * What the server says once it listens: where, how to try it, how to let the local network in.
 */
export function greeting(
  host: string,
  port: number,
  { contained = false, secure = false, localAddresses = lanAddresses() }: Surroundings = {},
): string[] {
  const { ws, http } = schemes(secure)
  const open = ANY_HOST.includes(host)
  const own = authority(open ? '127.0.0.1' : host, port)
  const lines = [
    `Tertulia is listening: ${ws}://${own}/chat (API: ${http}://${own}/docs). Try: npx wscat -c ${ws}://${own}/chat`,
  ]
  if (open && contained) {
    lines.push('In a container: clients reach it where its port is published')
  } else if (open) {
    const urls = localAddresses.map((address) => `${ws}://${authority(address, port)}/chat`)
    lines.push(`The network is let in: ${urls.join(' ') || 'this machine has no address there yet'}`)
  } else if (LOOPBACK.test(host)) {
    lines.push('Only this machine can connect. To let the local network in: HOST=0.0.0.0 npm start')
  }
  return lines
}

/** Why the server cannot listen, in a sentence with what to do about it. */
export function listenProblem(host: string, port: number, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} is taken. Another one: PORT=${port === 65_535 ? port - 1 : port + 1} npm start`
    case 'EACCES':
      return `Port ${port} is not for this user to listen on. Another one: PORT=3000 npm start`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `HOST is ${host}, which is no address of this machine. For all that it has: HOST=0.0.0.0 npm start`
    default:
      return `Cannot listen on ${authority(host, port)}: ${error instanceof Error ? error.message : error}`
  }
}

/** What is said where there is no Redis. */
export const MEMORY_HINT =
  'Without REDIS_URL everything is in memory: sessions, history, claimed names and bans end with this process'

/** How an operator uses the token that was made for want of an ADMIN_TOKEN. */
export function tokenHint(host: string, port: number, token: string, secure = false): string {
  const own = authority(ANY_HOST.includes(host) ? '127.0.0.1' : host, port)
  return `Operators: curl -H 'Authorization: Bearer ${token}' ${schemes(secure).http}://${own}/users`
}

/** Host and port as they stand in a URL (RFC 3986, 3.2). */
function authority(host: string, port: number): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`
}

function lanAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses = []) => addresses)
  return all.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address)
}
