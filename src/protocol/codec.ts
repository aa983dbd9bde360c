/** Bytes → frame or refusal; frame → bytes ready for a socket. */
import { isUtf8 } from 'node:buffer'
import { Compile } from 'typebox/compile'
import { CLOSES, type CloseDefinition, errorText, type Refusal } from './codes.js'
import {
  type ClientFrame,
  clientFrames,
  EXTENDED_TYPES,
  type FrameType,
  STATUS_CHOICE,
  type Status,
} from './frames.js'

/**
 * What a payload turned out to be: a frame, a refusal to be answered with one `error`, or the end of the connection. `ref` is what
 * stood there under this name, whatever it is: what it means depends on the session (part 2).
 */
export type Decoded =
  | { readonly kind: 'frame'; readonly frame: ClientFrame; readonly ref: unknown }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly ref: unknown }
  | { readonly kind: 'close'; readonly close: CloseDefinition }

/** Reads the payload of one WebSocket message. Never throws. */
export type Decode = (payload: Buffer) => Decoded

/**
 * Makes the reader of client frames (protocol 1.1 and 1.2).
 * @param maxContentChars the longest message, in code points
 */
export function createDecoder(maxContentChars: number): Decode {
  const readers = frameReaders(maxContentChars)
  const unknownType = (ref: unknown) =>
    refused({ code: 'UNKNOWN_TYPE', detail: typesOf([...readers.keys()]) }, ref)

  return (payload) => {
    const end = payload.indexOf(0)
    const text = end === -1 ? payload : payload.subarray(0, end)
    if (!isUtf8(text)) return { kind: 'close', close: CLOSES.INVALID_UTF8 }
    const value = parse(text.toString('utf8'))
    if ('code' in value) return refused(value, undefined)
    const { parsed } = value
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
      return refused({ code: 'NOT_AN_OBJECT' }, undefined)
    const ref = 'ref' in parsed ? parsed.ref : undefined
    if (!('type' in parsed) || typeof parsed.type !== 'string')
      return refused({ code: 'INVALID_FIELD', detail: '"type" debe ser un texto' }, ref)
    const read = readers.get(parsed.type)
    return read ? read(parsed, ref) : unknownType(ref)
  }
}

/** The types that there are for a session that has no extensions, as a refusal lists them. */
export function typesOf(all: readonly string[]): string {
  return all.filter((type) => !EXTENDED_TYPES.has(type)).join(', ')
}

function refused(refusal: Refusal, ref: unknown): Decoded {
  return { kind: 'refused', refusal, ref }
}

function parse(text: string): { parsed: unknown } | Refusal {
  try {
    return { parsed: JSON.parse(text) }
  } catch (error) {
    return { code: 'INVALID_JSON', detail: position(text, error) }
  }
}

// Looking for the place by hand parses a text a dozen times: not for one that is long.
const MAX_SEARCHED_CHARS = 4096

/** Where the text stops being JSON, as far as it is known. */
function position(text: string, error: unknown): string {
  const at = statedPosition(text, error) ?? (text.length <= MAX_SEARCHED_CHARS ? search(text) : undefined)
  return at === undefined ? '' : ` (posición ${at})`
}

/** The place that the engine tells; it does not for a character that is out of place. */
function statedPosition(text: string, error: unknown): number | undefined {
  const message = error instanceof Error ? error.message : ''
  if (message === 'Unexpected end of JSON input') return text.length
  // At the end of the message, because what stands before may be quoted from the text.
  const stated = /in JSON at position (\d+)(?: \(line \d+ column \d+\))?$/.exec(message)?.[1]
  return stated === undefined ? undefined : Number(stated)
}

/** The first character that is out of place: behind the longest beginning that lacks nothing but its end. */
function search(text: string): number {
  let low = 0
  let high = text.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (isBeginning(text.slice(0, middle + 1))) low = middle + 1
    else high = middle
  }
  return low
}

function isBeginning(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    return statedPosition(text, error) === text.length
  }
}

/** Reads an object of one frame type. */
type Read = (value: object, ref: unknown) => Decoded

/** One compiled validator a frame type: exact paths in an error, and a fraction of the cost of a union. */
function frameReaders(maxContentChars: number): Map<string, Read> {
  const schemas = clientFrames(maxContentChars)
  const message = `debe ser un texto de 1 a ${maxContentChars} caracteres`
  const text = 'debe ser un texto'
  const content: Record<FrameType, string> = {
    register: 'debe ser null, un texto o un objeto',
    broadcast: message,
    private: message,
    list_users: text,
    user_info: text,
    change_status: `debe ser ${STATUS_CHOICE}`,
    disconnect: text,
    history: text,
  }
  const refuse = (type: FrameType, errors: Parameters<typeof offendingField>[0], ref: unknown): Decoded => {
    const field = offendingField(errors)
    const detail = `"${field}" ${field === 'content' ? content[type] : text}`
    return refused({ code: 'INVALID_FIELD', detail }, ref)
  }
  const reader = <T extends FrameType>(type: T): Read => {
    const validator = Compile(schemas[type])
    return (value, ref) => {
      return validator.Check(value)
        ? { kind: 'frame', frame: value, ref }
        : refuse(type, validator.Errors(value), ref)
    }
  }
  const readers: Readonly<Record<FrameType, Read>> = {
    register: reader('register'),
    broadcast: reader('broadcast'),
    private: reader('private'),
    list_users: reader('list_users'),
    user_info: reader('user_info'),
    change_status: reader('change_status'),
    disconnect: reader('disconnect'),
    history: reader('history'),
  }
  return new Map(Object.entries(readers))
}

/** The field that the first error is about: it is missing, or not what it must be. */
function offendingField(errors: readonly { instancePath: string; params: object }[]): string {
  const [field] = errors.map(({ instancePath, params }) => {
    return 'requiredProperties' in params
      ? String(params.requiredProperties).split(',')[0]
      : instancePath.slice(1)
  })
  return String(field)
}

/**
 * What is wrong with the text of a message beyond its length (protocol 1.4): both would break strict JSON parsers in C.
 * @returns the refusal, or undefined when the text may be sent
 */
export function checkMessage(content: string): Refusal | undefined {
  if (content.includes('\0'))
    return { code: 'INVALID_FIELD', detail: '"content" no puede contener el carácter nulo' }
  if (!content.isWellFormed())
    return { code: 'INVALID_FIELD', detail: '"content" contiene un carácter incompleto' }
  return undefined
}

/** A time as it is on the wire: ISO 8601, UTC, milliseconds. */
export function timestamp(now: number): string {
  if (now !== lastTime) {
    lastTime = now
    lastTimestamp = new Date(now).toISOString()
  }
  return lastTimestamp
}

/** Under load many frames have the same time. */
let lastTime = Number.NaN
let lastTimestamp = ''

/** The JSON text of a frame with lists, which may be long: parts of it in UTF-8 are not copied for each who gets it. */
export type ListFrame = readonly (string | Uint8Array)[]

/**
 * The JSON text of every server frame. Fields stand in the order of protocol 1.4:
 * type, sender, target, content, userList, timestamp.
 * `at` is always milliseconds since 1970.
 */
export const encode = {
  /** @param names the elements of a JSON array */
  registerSuccess: (names: Uint8Array, at: number): ListFrame => [
    '{"type":"register_success","sender":"server","content":"Registro exitoso","userList":[',
    names,
    `],"timestamp":"${timestamp(at)}"}`,
  ],

  broadcast: (sender: string, content: string, at: number): string =>
    JSON.stringify({ type: 'broadcast', sender, content, timestamp: timestamp(at) }),

  private: (sender: string, target: string, content: string, at: number): string =>
    JSON.stringify({ type: 'private', sender, target, content, timestamp: timestamp(at) }),

  /** @param names the elements of a JSON array */
  userList: (names: Uint8Array, at: number, ref?: string): ListFrame => [
    '{"type":"list_users_response","sender":"server","content":[',
    names,
    `],"timestamp":"${timestamp(at)}"${ref === undefined ? '' : `,"ref":${JSON.stringify(ref)}`}}`,
  ],

  userInfo: (target: string, ip: string, status: Status, at: number, ref?: string): string =>
    fromServer('user_info_response', { target, content: { ip, status } }, at, { ref }),

  statusUpdate: (user: string, status: Status, at: number): string =>
    fromServer('status_update', { content: { user, status } }, at),

  userDisconnected: (user: string, at: number): string => `${departure(user)}${timestamp(at)}"}`,

  error: (refusal: Refusal, at: number): string => fromServer('error', { content: errorText(refusal) }, at),
}

/** The `user_disconnected` of a user up to its time, behind which stands `"}`: for whoever has to write it without knowing JSON. */
export function departure(user: string): string {
  const content = JSON.stringify(`${user} ha salido`)
  return `{"type":"user_disconnected","sender":"server","content":${content},"timestamp":"`
}

/** @param extension what stands behind the timestamp (part 2); what is undefined is left out */
export function fromServer(type: string, fields: object, at: number, extension: object = {}): string {
  return JSON.stringify({ type, sender: 'server', ...fields, timestamp: timestamp(at), ...extension })
}

/** The most bytes that stand before a payload in a frame that a server sends (RFC 6455, 5.2). */
export const MAX_HEADER_BYTES = 10

/**
 * Writes the header of an unfragmented text frame (RFC 6455, 5.2; a server does not mask) into `buffer` at `offset`, where there
 * must be room for {@link MAX_HEADER_BYTES}.
 * @returns the offset behind it
 */
function writeHeader(buffer: Buffer, offset: number, length: number): number {
  const at = buffer.writeUInt8(0x81, offset)
  if (length < 126) return buffer.writeUInt8(length, at)
  if (length < 65536) return buffer.writeUInt16BE(length, buffer.writeUInt8(126, at))
  return buffer.writeBigUInt64BE(BigInt(length), buffer.writeUInt8(127, at))
}

/**
 * Writes one unfragmented text frame into `buffer` at `offset`.
 * `buffer` must have room for {@link MAX_HEADER_BYTES} more than the payload.
 * @returns the offset behind the frame
 */
export function writeFrame(buffer: Buffer, offset: number, payload: Uint8Array): number {
  const at = writeHeader(buffer, offset, payload.length)
  buffer.set(payload, at)
  return at + payload.length
}

/** Whole frames, ready for a socket: bytes, or the parts of one frame, which must go out without anything between them. */
export type Frames = Buffer | readonly Buffer[]

/** A list that is shorter is cheaper copied than sent as a part. */
const COPIED_BYTES = 4096

/** One text frame, header and payload, ready for a socket. Long lists in it are not copied. */
export function framed(frame: string | Uint8Array): Buffer
export function framed(frame: string | Uint8Array | ListFrame): Frames
export function framed(frame: string | Uint8Array | ListFrame): Frames {
  if (typeof frame === 'string') return framed(Buffer.from(frame))
  if (frame instanceof Uint8Array) {
    const buffer = Buffer.allocUnsafe(frame.length + MAX_HEADER_BYTES)
    return buffer.subarray(0, writeFrame(buffer, 0, frame))
  }
  const parts = frame.map((part) =>
    typeof part === 'string' ? Buffer.from(part) : Buffer.from(part.buffer, part.byteOffset, part.length),
  )
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  if (length < COPIED_BYTES) return framed(Buffer.concat(parts))
  const header = Buffer.allocUnsafe(MAX_HEADER_BYTES)
  return [header.subarray(0, writeHeader(header, 0, length)), ...parts]
}
