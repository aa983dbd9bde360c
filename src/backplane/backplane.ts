/** The port: what nodes share, and how they are told. Every implementation passes the suite in test/contract. */
import type { NameKey } from '../protocol/names.js'
import type { Snapshot } from '../room/directory.js'
import type {
  Event,
  FrameBytes,
  Position,
  Presence,
  Proposal,
  Said,
  SecretHash,
  SessionId,
} from '../room/events.js'
import type { RoomRefusal } from '../room/rules.js'

export type { Snapshot } from '../room/directory.js'

/** What a node says of itself. */
export interface NodeInfo {
  /** For people; need not be unique. */
  readonly label: string
  /** Milliseconds since 1970. */
  readonly startedAt: number
}

/** A node as the others know it. */
export interface NodeStatus extends NodeInfo {
  /** Random for each process, and new after it was swept. */
  readonly id: string
  readonly sessions: number
  /** How long its claim to be alive still holds; null where nothing can outlive the process. */
  readonly leaseMs: number | null
}

/** Why a proposal came to nothing: the state of the room, or a backplane that could not be reached. */
export type OutcomeRefusal = RoomRefusal | 'UNAVAILABLE'

/**
 * What became of a proposal. `position` is that of its event; of a private message, that of the event it stands behind.
 * A refused proposal never takes effect.
 */
export type Outcome =
  | {
      readonly ok: true
      readonly position: Position
      /** Of a private message that waits for a session which is held. */
      readonly waits?: true
      /** Done before, under the same ref, and not again. */
      readonly repeated?: true
    }
  | { readonly ok: false; readonly reason: OutcomeRefusal }

/** A private message for a session of this node. */
export interface PrivateMessage {
  readonly kind: 'private'
  readonly session: SessionId
  readonly frame: FrameBytes
  /** Of an extended session: which of its messages this is, from 1. It is in the inbox, too. */
  readonly seq?: number
}

/** A private message as it is kept for an extended session. */
export interface InboxMessage {
  readonly seq: number
  /** The event that it stands behind. */
  readonly after: Position
  readonly frame: FrameBytes
}

/** Which inbox is asked for: what came after a seq. */
export interface InboxQuery {
  readonly secretHash: SecretHash
  readonly after: number
}

/** What is kept of an inbox, in order, without gaps; `lost` when that does not begin right behind what was asked for, or nothing is. */
export type Inbox = readonly InboxMessage[] | 'lost'

/** A part of the log, or `lost` when it no longer reaches back that far. */
export type Slice = { readonly events: readonly Event[]; readonly head: Position } | 'lost'

export interface Backplane {
  /** This node's identity: what `Presence.node` says of its sessions. Changes when the node was swept. */
  readonly id: string
  /** Joins the cluster. Resolves once subscribed: nothing after the snapshot can be missed. */
  start(node: NodeInfo, sink: Sink): Promise<Snapshot>
  /**
   * Has proposals judged and those that pass appended to the log, in order and in one step. Never rejects; calls take effect in
   * the order in which they were made. Outcomes may come before or after the events reach the sink. A `leave` or a `hold` is not
   * refused for want of time.
   */
  commit(proposals: readonly Proposal[]): Promise<Outcome[]>
  /** Events after a position, at most `limit`. */
  read(after: Position, limit: number): Promise<Slice>
  /** The position and everyone present, at one instant. */
  snapshot(): Promise<Snapshot>
  /** Who has a name: confirms a miss of the directory. Rejects when the backplane cannot be reached. */
  find(key: NameKey): Promise<Presence | undefined>
  /** What came for extended sessions. Rejects when the backplane cannot be reached. */
  inboxes(queries: readonly InboxQuery[]): Promise<Inbox[]>
  /**
   * What was said last, the oldest first: at most `limit`, before a position where one is given. It is kept apart from the log: joins and
   * leaves do not push it out.
   */
  history(before: Position | undefined, limit: number): Promise<Said[]>
  nodes(): Promise<NodeStatus[]>
  /** Leaves the cluster; what this node still holds is swept. */
  close(): Promise<void>
}

/** What a node is told. Never awaited, never throws; calls come in the order of the log. */
export interface Sink {
  /** In order, no gaps, no repeats: the backplane repairs what it can. */
  events(events: readonly Event[]): void
  /** In their place among the events of the batch that they were committed in. */
  private(messages: readonly PrivateMessage[]): void
  /** The log goes on in another epoch, from here; nothing was missed. */
  epoch(position: Position): void
  /**
   * It could not repair: this is the room now.
   * @param missed what was said before that and not told, to all and in private: the part of it that could still be found
   */
  reset(snapshot: Snapshot, missed?: readonly (Said | PrivateMessage)[]): void
  /** This node was swept, and has a new identity: claim your sessions again. */
  lapsed(): void
  health(up: boolean): void
}
