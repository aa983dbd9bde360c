/** From what a WebSocket gives to a frame. */
import type { ServerFrame, ServerFrames, Status } from './types.js'

type Guard<T> = (value: unknown) => value is T

const text: Guard<string> = (value) => typeof value === 'string'
const number: Guard<number> = (value) => typeof value === 'number'
const truth: Guard<boolean> = (value) => typeof value === 'boolean'
const status: Guard<Status> = (value) => value === 'ACTIVO' || value === 'OCUPADO' || value === 'INACTIVO'

const is =
  <const T>(wanted: T): Guard<T> =>
  (value): value is T =>
    value === wanted

const either =
  <T, U>(one: Guard<T>, other: Guard<U>): Guard<T | U> =>
  (value): value is T | U =>
    one(value) || other(value)

const maybe = <T>(guard: Guard<T>): Guard<T | undefined> => either(guard, is(undefined))

const list =
  <T>(guard: Guard<T>): Guard<T[]> =>
  (value): value is T[] =>
    Array.isArray(value) && value.every(guard)

/** Other fields do not matter. The compiler holds the guards to the types, which come from the schemas of the server. */
function object<T>(guards: { readonly [K in keyof T]: Guard<T[K]> }): Guard<T> {
  const checks = Object.entries<Guard<unknown>>(guards)
  return (value): value is T => {
    if (typeof value !== 'object' || value === null) return false
    const fields = new Map<string, unknown>(Object.entries(value))
    return checks.every(([name, check]) => check(fields.get(name)))
  }
}

const position = maybe(text)
const ref = position
const change = object({ user: text, status })
const message = { sender: text, content: text, timestamp: text }
const said = object({ type: is('broadcast'), ...message, position: text })

const GUARDS: readonly Guard<ServerFrame>[] = [
  object<ServerFrames['register_success']>({
    type: is('register_success'),
    userList: list(text),
    position,
    seq: maybe(number),
    session: maybe(text),
    users: maybe(list(object({ name: text, status }))),
    history: maybe(list(said)),
    resumed: maybe(truth),
  }),
  object<ServerFrames['broadcast']>({ type: is('broadcast'), ...message, position }),
  object<ServerFrames['private']>({ type: is('private'), ...message, target: text, seq: maybe(number) }),
  object<ServerFrames['list_users_response']>({ type: is('list_users_response'), content: list(text), ref }),
  object<ServerFrames['user_info_response']>({
    type: is('user_info_response'),
    target: text,
    content: object({ ip: text, status }),
    ref,
  }),
  object<ServerFrames['status_update']>({ type: is('status_update'), content: change, position }),
  object<ServerFrames['user_connected']>({ type: is('user_connected'), content: change, position }),
  object<ServerFrames['user_disconnected']>({ type: is('user_disconnected'), content: text, position }),
  object<ServerFrames['ack']>({
    type: is('ack'),
    content: either(is(null), object({ delivered: truth })),
    position,
    ref,
  }),
  object<ServerFrames['history_response']>({
    type: is('history_response'),
    content: object({ messages: list(said), more: truth }),
    ref,
  }),
  object<ServerFrames['error']>({
    type: is('error'),
    content: text,
    ref,
    code: maybe(text),
    retry: maybe(is(true)),
  }),
]

/** Reads what came; undefined when it is no frame that this client knows. */
export function readFrame(data: unknown): ServerFrame | undefined {
  const value = text(data) ? parse(data) : undefined
  for (const guard of GUARDS) if (guard(value)) return value
  return undefined
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
