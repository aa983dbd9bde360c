/** What happens in the room (events), and what nodes ask to happen (proposals). */
import type { Status } from '../protocol/frames.js'
import type { NameKey } from '../protocol/names.js'

/** A place in the room's log. Offsets count from 1 and have no gaps; a new epoch begins when a log was lost. */
export interface Position {
  readonly epoch: string
  readonly offset: number
}

/** Names one registered connection, unique in the cluster. Not a secret. */
export type SessionId = string

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
  /** Sorts by the order of joining; kept when a session is claimed again. */
  readonly order: number
}

/** The payload of a frame (UTF-8 JSON), as every client gets it. */
export type FrameBytes = Uint8Array

/** The same as it is proposed: whoever commits it encodes it, once. */
export type FrameText = string

export interface Joined {
  readonly kind: 'joined'
  readonly position: Position
  readonly presence: Presence
}

export interface Left {
  readonly kind: 'left'
  readonly position: Position
  readonly key: NameKey
  readonly session: SessionId
  readonly frame: FrameBytes
}

export interface StatusChanged {
  readonly kind: 'status'
  readonly position: Position
  readonly key: NameKey
  readonly session: SessionId
  readonly status: Status
  readonly frame: FrameBytes
}

export interface Said {
  readonly kind: 'said'
  readonly position: Position
  readonly key: NameKey
  readonly frame: FrameBytes
}

/** One entry of the log. */
export type Event = Joined | Left | StatusChanged | Said

/** Ask to enter the room. With `order`, a session that was swept claims its place again. */
export interface Join {
  readonly kind: 'join'
  readonly key: NameKey
  readonly session: SessionId
  readonly name: string
  readonly ip: string
  readonly status: Status
  readonly connectedAt: number
  readonly order?: number
}

interface Owned {
  /** The name that acts, */
  readonly key: NameKey
  /** and the session that must own it: the fence. */
  readonly session: SessionId
  readonly frame: FrameText
}

export interface Leave extends Owned {
  readonly kind: 'leave'
}

export interface ChangeStatus extends Owned {
  readonly kind: 'status'
  readonly status: Status
}

export interface Say extends Owned {
  readonly kind: 'say'
}

/** Not an event: it goes to the target's node alone, in its place among the sender's other proposals. */
export interface SendPrivate extends Owned {
  readonly kind: 'private'
  readonly target: NameKey
}

export type Proposal = Join | Leave | ChangeStatus | Say | SendPrivate
