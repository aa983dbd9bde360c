import { keyOf } from '../../src/protocol/names.js'
import type { Event, Position, Presence } from '../../src/room/events.js'

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
  return { kind: 'joined', position: at(offset), presence }
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
