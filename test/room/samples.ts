import { keyOf } from '../../src/protocol/names.js'
import type { Ban, Event, Position, Presence } from '../../src/room/events.js'

export const EPOCH = 'e1'
export const at = (offset: number): Position => ({ epoch: EPOCH, offset })

/** Somebody present; `order` is also in the session, so that two of the same name differ. */
export function someone(name: string, order: number, more: Partial<Presence> = {}): Presence {
  return {
    key: keyOf(name),
    name,
    session: `${keyOf(name)}-${order}`,
    node: 'n1',
    ip: '192.0.2.1',
    status: 'ACTIVO',
    connectedAt: 1000 + order,
    order,
    ...more,
  }
}

export const FRAME = Buffer.from('{}')

/** Events about somebody, at an offset. */
export const joined = (presence: Presence, offset: number): Event => {
  return { kind: 'joined', position: at(offset), presence, fresh: true, at: presence.connectedAt }
}
export const left = ({ key, session }: Presence, offset: number): Event => {
  return { kind: 'left', position: at(offset), key, session, frame: FRAME }
}
export const changed = ({ key, session }: Presence, status: Presence['status'], offset: number): Event => {
  return { kind: 'status', position: at(offset), key, session, status, frame: FRAME }
}
export const said = ({ key }: Presence, offset: number): Event => {
  return { kind: 'said', position: at(offset), key, frame: FRAME }
}
export const removed = ({ key, session }: Presence, offset: number): Event => {
  return { kind: 'removed', position: at(offset), key, session, frame: FRAME }
}
export const held = ({ key, session }: Presence, offset: number): Event => {
  return { kind: 'held', position: at(offset), key, session }
}
export const erased = (message: number, offset: number): Event => {
  return { kind: 'erased', position: at(offset), message: at(message) }
}
export const banned = (ban: Ban, offset: number): Event => ({ kind: 'banned', position: at(offset), ban })
export const unbanned = ({ id }: Ban, offset: number): Event => {
  return { kind: 'unbanned', position: at(offset), id }
}

/** A ban of a name, or of addresses where the value is some. */
export function banOf(value: string, more: Partial<Ban> = {}): Ban {
  const kind = /^[\d.:a-f/]*[.:][\d.:a-f/]*$/i.test(value) ? 'ip' : 'name'
  return { id: `ban of ${value}`, kind, value, createdAt: 1, ...more }
}
