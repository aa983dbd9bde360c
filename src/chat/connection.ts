/** What this node needs of a client's connection; http/ makes one of a WebSocket. */

export { addressGroup, plainAddress } from '../room/address.js'

/** Where bytes for a client go: its TCP socket. */
export interface ByteSocket {
  write(bytes: Uint8Array): boolean
  /** What is written until `uncork` goes out in one go. */
  cork(): void
  uncork(): void
  /** Less than so much waits when `write` returns true. */
  readonly writableHighWaterMark: number
  /** Bytes that the kernel has not taken yet. */
  readonly writableLength: number
  /** Whether `drain` will be emitted before it is good to write again. */
  readonly writableNeedDrain: boolean
  readonly bytesRead: number
  /** Also what the kernel has not taken yet. */
  readonly bytesWritten: number
  once(event: 'drain', listener: () => void): unknown
}

export interface Connection {
  /** The client's own address. */
  readonly ip: string
  /** For whole WebSocket frames. */
  readonly socket: ByteSocket
  /** Whether frames may be written: false as soon as either side has begun to close. */
  readonly open: boolean
  /** Sends a ping (RFC 6455, 5.5.2). */
  ping(): void
  /** Begins the closing handshake (RFC 6455, 7.1.2). */
  close(code: number, reason: string): void
  /** Ends the connection without a handshake. */
  terminate(): void
  /** Stops reading, so that TCP slows the client down. */
  pause(): void
  resume(): void
}
