/** Connections below WebSocket: bytes as they are. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Dice } from '../support/dice.js'
import { until } from '../support/until.js'
import { PATIENCE_MS } from './ground.js'

/** The lines of a right upgrade request (RFC 6455, 4.1). */
export const UPGRADE = [
  'GET /chat HTTP/1.1',
  'Host: 127.0.0.1',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol: chat-protocol',
  'Origin: http://127.0.0.1',
]

export const requestOf = (lines: readonly string[]) => `${lines.join('\r\n')}\r\n\r\n`

/** What a frame may be (RFC 6455, 5.2). */
export const OPCODES = { more: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** A frame as a client writes it, masked (RFC 6455, 5.2), for payloads of less than 64 KiB. Without `fin`, more follow. */
export function wireFrame(opcode: number, payload: Uint8Array, dice: Dice, fin = true): Buffer {
  const { length } = payload
  const mask = Array.from({ length: 4 }, () => dice.below(256))
  const size = length < 126 ? [0x80 | length] : [0xfe, length >> 8, length & 0xff]
  const masked = payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0))
  return Buffer.concat([Buffer.from([(fin ? 0x80 : 0) | opcode, ...size, ...mask]), masked])
}

/** A connection, and all that came over it. */
export class Raw {
  readonly socket: Socket
  #received = Buffer.alloc(0)
  #closed = false

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes])
    })
    // Whether it is reset or ended is the server's choice.
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#closed = true
    })
  }

  static async open(port: number): Promise<Raw> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const raw = new Raw(socket)
    await once(socket, 'connect')
    return raw
  }

  get received(): string {
    return this.#received.toString()
  }

  async has(text: string): Promise<void> {
    await until(`"${text}"`, () => this.received.includes(text), PATIENCE_MS)
  }

  async ended(): Promise<void> {
    await until('the end of a connection', () => this.#closed, PATIENCE_MS)
  }
}

/** Does something so many times, so many of them at once. */
export async function times(amount: number, atOnce: number, work: () => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < amount) {
      next += 1
      await work()
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, amount) }, worker))
}
