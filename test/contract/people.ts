import { Compile } from 'typebox/compile'
import type { PrivateMessage } from '../../src/backplane/backplane.js'
import { encode } from '../../src/protocol/codec.js'
import { SERVER_FRAMES, type Status } from '../../src/protocol/frames.js'
import { keyOf, type NameKey } from '../../src/protocol/names.js'
import { writeAccount } from '../../src/room/accounts.js'
import type {
  AccountId,
  Act,
  AddBan,
  Announce,
  Ban,
  Erase,
  Event,
  Hold,
  Join,
  LiftBan,
  Position,
  Presence,
  Proposal,
  Remove,
  SecretHash,
} from '../../src/room/events.js'

const AT = Date.UTC(2025, 0, 2, 3, 4, 5)
let sessions = 0

/** Somebody who can be in a room: a name, and a session that may own it. */
export interface Person {
  readonly key: NameKey
  readonly name: string
  readonly session: string
}

/** Somebody whose session has extensions, and can be taken up again with a secret. */
export interface ExtendedPerson extends Person {
  /** As it is kept. */
  readonly secret: SecretHash
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

export function leave({ key, name, session }: Person): Act {
  return { kind: 'leave', key, session, frame: encode.userDisconnected(name, AT) }
}

/** Its connection broke. */
export function hold({ key, session }: Person): Hold {
  return { kind: 'hold', key, session }
}

export function changeStatus({ key, name, session }: Person, status: Status): Act {
  return { kind: 'status', key, session, status, frame: encode.statusUpdate(name, status, AT) }
}

export function say({ key, name, session }: Person, content = 'hola'): Act {
  return { kind: 'say', key, session, frame: encode.broadcast(name, content, AT) }
}

export function whisper({ key, name, session }: Person, target: string, content = 'psst'): Act {
  const frame = encode.private(name, target, content, AT)
  return { kind: 'private', key, session, target: keyOf(target), frame }
}

/** The same as it may be sent again without being done twice. */
export function under<P extends Act>(ref: string, proposal: P): P & { readonly ref: string } {
  return { ...proposal, ref }
}

let secrets = 0

/** A secret that nobody else has, as it is kept. */
export function newSecret(): SecretHash {
  secrets += 1
  return `secret-${secrets}`
}

/** Takes up the extended session that has this secret: as it is, or with another secret as a new one in its place. */
export function resume(who: Person, resumes: SecretHash, more: Partial<Join> = {}): Join {
  return join(who, { secretHash: resumes, resumes, ...more })
}

/** Enters again what was swept: with its status and its account, and in its old place. */
export function claim({ node: _, extended: __, held: ___, ...presence }: Presence): Join {
  return { kind: 'join', ...presence }
}

/** Enters, and claims the name for an account. */
export function claimName(who: Person, account: AccountId): Join {
  return join(who, { account, claim: accountText(account) })
}

/** What is kept of an account that {@link claimName} claims a name for. */
export function accountText(account: AccountId): string {
  return writeAccount(account, `{"secret": "of ${account}"}`)
}

/** Enters as the owner of the name. */
export function own(who: Person, account: AccountId): Join {
  return join(who, { account })
}

/** What an operator would propose. */
export function remove({ key, name, session }: Person): Remove {
  return { kind: 'remove', key, session, frame: encode.userDisconnected(name, AT) }
}

export function announce(content: string): Announce {
  return { kind: 'announce', frame: encode.broadcast('server', content, AT) }
}

let bans = 0

/** A ban that nobody else has made, later than all before it. */
export function banOf(value: string, more: Partial<Ban> = {}): Ban {
  bans += 1
  return { id: `b${bans}`, kind: 'name', value, createdAt: AT + bans, ...more }
}

export function forbid(ban: Ban): AddBan {
  return { kind: 'ban', ban }
}

export function permit({ id }: Ban): LiftBan {
  return { kind: 'unban', id }
}

export function erase(message: Position): Erase {
  return { kind: 'erase', message }
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
