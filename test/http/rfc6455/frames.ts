/** What a client sends, byte by byte (RFC 6455, 4.1 and 5.2): also what no client should. */
import { randomBytes } from 'node:crypto'

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

export interface FrameParts {
  /** Text, where it is not given. */
  readonly opcode?: number
  readonly fin?: boolean
  /** RSV1, RSV2 and RSV3, as three bits. */
  readonly rsv?: number
  /** Four bytes; null: the frame is not masked. */
  readonly mask?: Buffer | null
  readonly payload?: string | Uint8Array
  /** The length that the header tells, where it is not that of the payload. */
  readonly told?: bigint
  /** How many bytes the length takes beside the seven bits, where they are not as few as can be. */
  readonly lengthBytes?: 0 | 2 | 8
}

export function frame(parts: FrameParts): Buffer {
  const { opcode = OPCODE.text, fin = true, rsv = 0, mask = randomBytes(4) } = parts
  const payload = Buffer.from(parts.payload ?? '')
  const told = parts.told ?? BigInt(payload.length)
  const head = Buffer.from([(fin ? 0x80 : 0) | (rsv << 4) | opcode])
  const length = lengthOf(told, parts.lengthBytes ?? fewest(told))
  if (mask === null) return Buffer.concat([head, length, payload])
  length[0] = (length[0] ?? 0) | 0x80
  return Buffer.concat([head, length, mask, payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0))])
}

function fewest(length: bigint): 0 | 2 | 8 {
  if (length < 126n) return 0
  return length < 65536n ? 2 : 8
}

function lengthOf(length: bigint, bytes: 0 | 2 | 8): Buffer {
  if (bytes === 0) return Buffer.from([Number(length)])
  const buffer = Buffer.alloc(1 + bytes, bytes === 2 ? 126 : 127)
  if (bytes === 2) buffer.writeUInt16BE(Number(length), 1)
  else buffer.writeBigUInt64BE(length, 1)
  return buffer
}

/** A JSON frame of the chat. */
export function json(value: object): Buffer {
  return frame({ payload: JSON.stringify(value) })
}

/** A close frame; without a code its body is empty. */
export function close(code?: number, reason: string | Uint8Array = ''): Buffer {
  return frame({ opcode: OPCODE.close, payload: code === undefined ? '' : closeBody(code, reason) })
}

export function closeBody(code: number, reason: string | Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)])
}

export function ping(payload: string | Uint8Array = ''): Buffer {
  return frame({ opcode: OPCODE.ping, payload })
}

export function pong(payload: string | Uint8Array = ''): Buffer {
  return frame({ opcode: OPCODE.pong, payload })
}

/** A message in fragments of `size` bytes each. */
export function fragments(payload: Buffer, size: number): Buffer[] {
  const count = Math.max(1, Math.ceil(payload.length / size))
  return Array.from({ length: count }, (_, index) =>
    frame({
      opcode: index === 0 ? OPCODE.text : OPCODE.continuation,
      fin: index === count - 1,
      payload: payload.subarray(index * size, (index + 1) * size),
    }),
  )
}

/** The key that stands in the RFC (1.3). */
export const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

/** Header fields of a request; null: left out, several values: several lines. */
export type Fields = Readonly<Record<string, string | null | readonly string[]>>

const HANDSHAKE: Fields = {
  Host: '127.0.0.1',
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Key': KEY,
  'Sec-WebSocket-Version': '13',
}

/** An opening handshake; `fields` take the place of those that it has. */
export function handshake(fields: Fields = {}, line = 'GET /chat HTTP/1.1'): Buffer {
  const lines = Object.entries({ ...HANDSHAKE, ...fields }).flatMap(([name, value]) =>
    (value === null ? [] : [value].flat()).map((one) => `${name}: ${one}`),
  )
  return Buffer.from([line, ...lines, '', ''].join('\r\n'))
}
