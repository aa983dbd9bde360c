import { randomBytes } from 'node:crypto'

/** The bytes of one short text frame as a client sends it (RFC 6455, 5.2): masked, not in fragments. */
export function textFrame(text: string): Uint8Array {
  const payload = Buffer.from(text)
  if (payload.length > 125) throw new RangeError('this is for frames of at most 125 bytes')
  const mask = randomBytes(4)
  const masked = payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0))
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length]), mask, masked])
}
