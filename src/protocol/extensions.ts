/** What only extended sessions get (protocol, part 2), read and written; its schemas are in extended-frames.ts. */
import { Compile } from 'typebox/compile'
import { fromServer, type ListFrame, timestamp } from './codec.js'
import { ERRORS, errorText, type Refusal } from './codes.js'
import { HISTORY_CONTENT, MAX_REF_CHARS, PAGE_MESSAGES } from './extended-frames.js'
import type { Status } from './frames.js'
import { type Position, readPosition, writePosition } from './position.js'
import { MAX_HISTORY } from './registration.js'

/** Whether something may be the `ref` of a frame. */
export function isRef(value: unknown): value is string {
  // Two units at most make a code point.
  if (typeof value !== 'string' || value === '' || value.length > MAX_REF_CHARS * 2) return false
  return [...value].length <= MAX_REF_CHARS
}

const HistoryQuery = Compile(HISTORY_CONTENT)

/** Which part of the history is asked for: the latest messages before a position. */
export interface HistoryPage {
  readonly before: Position | undefined
  readonly limit: number
}

/** Reads `content` of a `history` frame. */
export function readHistoryQuery(content: unknown): HistoryPage | Refusal {
  const asked = content ?? {}
  if (!HistoryQuery.Check(asked)) {
    const detail = `"content" debe llevar "before" (una posición) y "limit" (de 1 a ${MAX_HISTORY}), los dos opcionales`
    return { code: 'INVALID_FIELD', detail }
  }
  const { before, limit = PAGE_MESSAGES } = asked
  const position = before === undefined ? undefined : readPosition(before)
  if (before !== undefined && position === undefined)
    return { code: 'INVALID_FIELD', detail: '"content.before" debe ser una posición' }
  return { before: position, limit }
}

const CLOSING = Buffer.from('}')

/** The payload of a frame of the room's log as extended sessions get it. */
export function withPosition(frame: Uint8Array, position: Position): Buffer {
  return extended(frame, `,"position":"${writePosition(position)}"`)
}

/** The payload of a private message as extended sessions get it. */
export function withSeq(frame: Uint8Array, seq: number): Buffer {
  return extended(frame, `,"seq":${seq}`)
}

/** Puts fields behind the last one of a JSON object. */
function extended(frame: Uint8Array, fields: string): Buffer {
  return Buffer.concat([frame.subarray(0, -1), Buffer.from(fields), CLOSING])
}

/** What {@link encodeExtended.registerSuccess} says. */
export interface Welcome {
  /** The elements of JSON arrays (UTF-8): names, and `{"name","status"}`. */
  readonly names: Uint8Array
  readonly users: Uint8Array
  /** Where live begins; of a session that was taken up, where the replay begins. */
  readonly position: Position
  readonly seq: number
  readonly ref: string | undefined
  readonly secret: string
  /** Broadcasts as extended sessions get them; undefined: not asked for. */
  readonly history: readonly Uint8Array[] | undefined
  readonly resumed: boolean
}

/** The JSON text of the frames that only extended sessions get. `at` is milliseconds since 1970. */
export const encodeExtended = {
  registerSuccess: (welcome: Welcome, at: number): ListFrame => {
    const { names, users, position, seq, ref, secret, history, resumed } = welcome
    const place = `"position":"${writePosition(position)}","seq":${seq}`
    const asked = ref === undefined ? '' : `,"ref":${JSON.stringify(ref)}`
    return [
      '{"type":"register_success","sender":"server","content":"Registro exitoso","userList":[',
      names,
      `],"timestamp":"${timestamp(at)}",${place}${asked},"session":"${secret}","users":[`,
      users,
      ']',
      ...(history === undefined ? [] : [',"history":[', ...commaSeparated(history), ']']),
      `,"resumed":${resumed}}`,
    ]
  },

  userConnected: (user: string, status: Status, at: number): string =>
    fromServer('user_connected', { content: { user, status } }, at),

  ack: (
    content: { delivered: boolean } | null,
    position: Position | undefined,
    ref: string,
    at: number,
  ): string => fromServer('ack', { content }, at, { position: position && writePosition(position), ref }),

  error: (refusal: Refusal, ref: string | undefined, at: number): string => {
    const retry = ERRORS[refusal.code].retry || undefined
    return fromServer('error', { content: errorText(refusal) }, at, { ref, code: refusal.code, retry })
  },

  historyResponse: (
    messages: readonly Uint8Array[],
    more: boolean,
    ref: string | undefined,
    at: number,
  ): ListFrame => [
    '{"type":"history_response","sender":"server","content":{"messages":[',
    ...commaSeparated(messages),
    `],"more":${more}},"timestamp":"${timestamp(at)}"${ref === undefined ? '' : `,"ref":${JSON.stringify(ref)}`}}`,
  ],
}

function commaSeparated(parts: readonly Uint8Array[]): (string | Uint8Array)[] {
  return parts.flatMap((part, index) => (index === 0 ? [part] : [',', part]))
}
