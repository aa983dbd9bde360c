/** What happens in the room (events), and what nodes ask to happen (proposals). */
import type { Status } from '../protocol/frames.js'
import type { NameKey } from '../protocol/names.js'
import type { Position } from '../protocol/position.js'

export type { Position } from '../protocol/position.js'

/** Names one registered connection, unique in the cluster. Not a secret. */
export type SessionId = string

/** What an extended session is known by, also when it goes on with another connection: the hash of its secret. */
export type SecretHash = string

/** Names one claim of a name: another claim of the same name has another. Not a secret. */
export type AccountId = string

/** Somebody who is in the room. */
export interface Presence {
  readonly key: NameKey
  /** As it was registered (NFC). */
  readonly name: string
  readonly session: SessionId
  /** The identity of the node that holds the connection. */
  readonly node: string
  readonly ip: string
  readonly status: Status
  /** Since when it is connected: milliseconds since 1970, by the clock of the node that holds the connection. */
  readonly connectedAt: number
  /** Sorts by the order of joining; kept when a session is claimed again, or taken over. */
  readonly order: number
  /** The account that the name belongs to; none for a guest. */
  readonly account?: AccountId
  /** Whether the session can be taken up again when its connection breaks. */
  readonly extended?: true
  /** Without a connection, and waiting to be taken up again. Then `node` is ''. */
  readonly held?: true
}

/** The payload of a frame (UTF-8 JSON), as every client gets it. */
export type FrameBytes = Uint8Array

/** The same as it is proposed: whoever commits it encodes it, once. */
export type FrameText = string

/** What is forbidden, and until when: a name, or the addresses of a range. */
export interface Ban {
  readonly id: string
  readonly kind: 'name' | 'ip'
  /** A name as the operator wrote it, or an address or a range of them as CIDR. */
  readonly value: string
  readonly reason?: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** Milliseconds since 1970; without it, until it is lifted. */
  readonly expiresAt?: number
}

/**
 * Somebody entered. Where the name had another session, that has been taken over by its owner, or taken up with another connection.
 */
export interface Joined {
  readonly kind: 'joined'
  readonly position: Position
  readonly presence: Presence
  /** Whether nobody was there under this name: else he only goes on, and there is nothing to tell. */
  readonly fresh: boolean
  /** When: milliseconds since 1970, by the clock of the node that let him in. */
  readonly at: number
}

/** The connection of an extended session broke: it may be taken up again for a while. Nobody is told. */
export interface Held {
  readonly kind: 'held'
  readonly position: Position
  readonly key: NameKey
  readonly session: SessionId
}

export interface Left {
  readonly kind: 'left'
  readonly position: Position
  readonly key: NameKey
  readonly session: SessionId
  readonly frame: FrameBytes
}

/** An operator removed somebody. */
export interface Removed {
  readonly kind: 'removed'
  readonly position: Position
  readonly key: NameKey
  readonly session: SessionId
  readonly frame: FrameBytes
}

export interface Banned {
  readonly kind: 'banned'
  readonly position: Position
  readonly ban: Ban
}

export interface Unbanned {
  readonly kind: 'unbanned'
  readonly position: Position
  readonly id: string
}

export interface StatusChanged {
  readonly kind: 'status'
  readonly position: Position
  readonly key: NameKey
  readonly session: SessionId
  readonly status: Status
  readonly frame: FrameBytes
}

/** An operator took something that was said out of the history. */
export interface Erased {
  readonly kind: 'erased'
  readonly position: Position
  /** Where it was said. */
  readonly message: Position
}

/** Somebody said something to all. */
export interface Said {
  readonly kind: 'said'
  readonly position: Position
  /** Whose words they are; undefined where they are the server's. */
  readonly key: NameKey | undefined
  readonly frame: FrameBytes
}

/** One entry of the log. */
export type Event = Joined | Held | Left | Removed | StatusChanged | Said | Banned | Unbanned | Erased

/**
 * Ask to enter the room. With `order`, a session that was swept claims its place again. With `account`, as the owner of the name, who
 * takes it over from another session of his; with `claim` besides, the name is claimed in the same step.
 */
export interface Join {
  readonly kind: 'join'
  readonly key: NameKey
  readonly session: SessionId
  readonly name: string
  readonly ip: string
  readonly status: Status
  readonly connectedAt: number
  readonly order?: number
  readonly account?: AccountId
  /** What is to be kept of the account, if the name has none yet: see room/accounts.ts. */
  readonly claim?: string
  /** When it enters, where that is not when it connected. */
  readonly at?: number
  /** Of an extended session. */
  readonly secretHash?: SecretHash
  /**
   * Takes the place of the extended session that has this secret, with its status and its account. Is it the same as `secretHash`, then it is
   * that session which goes on, with all that is kept for it.
   */
  readonly resumes?: SecretHash
}

interface Fenced {
  /** The name that acts, */
  readonly key: NameKey
  /** and the session that must own it: the fence. */
  readonly session: SessionId
}

interface Owned extends Fenced {
  readonly frame: FrameText
}

/** What a client may send again without its being done twice (part 2). */
interface Repeatable {
  /** Names it among what its session sends. */
  readonly ref?: string
}

/** The connection of an extended session broke. */
export interface Hold extends Fenced {
  readonly kind: 'hold'
}

export interface Leave extends Owned {
  readonly kind: 'leave'
}

export interface ChangeStatus extends Owned, Repeatable {
  readonly kind: 'status'
  readonly status: Status
}

export interface Say extends Owned, Repeatable {
  readonly kind: 'say'
}

/** Not an event: it goes to the target's node alone, in its place among the sender's other proposals. */
export interface SendPrivate extends Owned, Repeatable {
  readonly kind: 'private'
  readonly target: NameKey
}

/** An operator asks any node to remove this session, whichever node holds it. */
export interface Remove extends Owned {
  readonly kind: 'remove'
}

/** The server says something to all. */
export interface Announce {
  readonly kind: 'announce'
  readonly frame: FrameText
}

export interface AddBan {
  readonly kind: 'ban'
  readonly ban: Ban
}

export interface LiftBan {
  readonly kind: 'unban'
  readonly id: string
}

/** Takes something that was said out of the history. */
export interface Erase {
  readonly kind: 'erase'
  readonly message: Position
}

/** What operators ask for: nobody's session does. */
export type Decree = Remove | Announce | AddBan | LiftBan | Erase

/** What sessions ask for. */
export type Act = Join | Hold | Leave | ChangeStatus | Say | SendPrivate

export type Proposal = Act | Decree
