import type { FastifyRequest } from 'fastify'
import { plainAddress } from '../chat/connection.js'

/** The client's own address, seen through proxies that are trusted. Where one of them wrote what is no address, it is the proxy's. */
export function clientAddress({ ip, raw }: FastifyRequest): string {
  // A connection that was reset meanwhile has none, whatever the types say.
  const known = ip ?? ''
  return plainAddress(known) ?? plainAddress(raw.socket.remoteAddress ?? '') ?? known
}
