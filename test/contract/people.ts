import { Compile } from 'typebox/compile'
import type { PrivateMessage } from '../../src/backplane/backplane.js'
import { encode } from '../../src/protocol/codec.js'
import { SERVER_FRAMES, type Status } from '../../src/protocol/frames.js'
import { keyOf, type NameKey } from '../../src/protocol/names.js'
import type { Event, Join, Presence, Proposal } from '../../src/room/events.js'

const AT = Date.UTC(2025, 0, 2, 3, 4, 5)
let sessions = 0

/** Somebody who can be in a room: a name, and a session that may own it. */
export interface Person {
  readonly key: NameKey
  readonly name: string
  readonly session: string
}

/** Somebody of this name, with a session that nobody else has. */
export function person(name: string): Person {
  sessions += 1
  return { key: keyOf(name), name, session: `s${sessions}` }
}

/** What this person would propose. */
export function join({ key, name, session }: Person, more: Partial<Join> = {}): Join {
  const where = { ip: '192.0.2.1', status: 'ACTIVO', connectedAt: AT } as const
  return { kind: 'join', key, name, session, ...where, ...more }
}

export function leave({ key, name, session }: Person): Proposal {
  return { kind: 'leave', key, session, frame: encode.userDisconnected(name, AT) }
}

export function changeStatus({ key, name, session }: Person, status: Status): Proposal {
  return { kind: 'status', key, session, status, frame: encode.statusUpdate(name, status, AT) }
}

export function say({ key, name, session }: Person, content = 'hola'): Proposal {
  return { kind: 'say', key, session, frame: encode.broadcast(name, content, AT) }
}

export function whisper({ key, name, session }: Person, target: string, content = 'psst'): Proposal {
  const frame = encode.private(name, target, content, AT)
  return { kind: 'private', key, session, target: keyOf(target), frame }
}

/** Enters again what was swept: with its status, and in its old place. */
export function claim({ key, name, session, ip, status, connectedAt, order }: Presence): Join {
  return { kind: 'join', key, name, session, ip, status, connectedAt, order }
}

/** The frame of an event, a message or a proposal, as text; '' where there is none. */
export function frameOf(it: Event | PrivateMessage | Proposal): string {
  return 'frame' in it ? Buffer.from(it.frame).toString() : ''
}

/** The same with its frame as text: to be compared, and to be read when it differs. */
export function legible(it: Event | PrivateMessage): object {
  return 'frame' in it ? { ...it, frame: frameOf(it) } : it
}

const departure = Compile(SERVER_FRAMES.user_disconnected)

/** Whether a frame says that somebody left, and nothing else, whenever that was. */
export function tellsDeparture(frame: string, name: string): boolean {
  const parsed: unknown = JSON.parse(frame)
  return departure.Check(parsed) && frame === encode.userDisconnected(name, Date.parse(parsed.timestamp))
}
