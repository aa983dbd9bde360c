/** What the client gives and takes, as types. Those of frames come from the schemas that the server checks frames with. */
import type { Static } from 'typebox'
import type { EXTENDED_SERVER_FRAMES } from '../protocol/extended-frames.js'
import type { ClientFrames, Status } from '../protocol/frames.js'
import type { ChatError } from './errors.js'

export type { Status } from '../protocol/frames.js'

type Schemas = typeof EXTENDED_SERVER_FRAMES
type Wire = { [T in keyof Schemas]: Static<Schemas[T]> }

/** Fields that base sessions do not get (protocol, part 2). */
type Extra = 'position' | 'seq' | 'ref' | 'session' | 'users' | 'history' | 'resumed' | 'code' | 'retry'

/** The fields `K` of a frame; those that only extended sessions get may be undefined. */
type Read<T extends keyof Wire, K extends keyof Wire[T]> = { readonly type: T } & {
  readonly [F in K]: F extends Extra ? Wire[T][F] | undefined : Wire[T][F]
}

/** What the client reads of each frame of the server. */
export interface ServerFrames {
  register_success: Read<
    'register_success',
    'userList' | 'position' | 'seq' | 'session' | 'users' | 'history' | 'resumed'
  >
  broadcast: Read<'broadcast', 'sender' | 'content' | 'timestamp' | 'position'>
  private: Read<'private', 'sender' | 'target' | 'content' | 'timestamp' | 'seq'>
  list_users_response: Read<'list_users_response', 'content' | 'ref'>
  user_info_response: Read<'user_info_response', 'target' | 'content' | 'ref'>
  status_update: Read<'status_update', 'content' | 'position'>
  user_connected: Read<'user_connected', 'content' | 'position'>
  user_disconnected: Read<'user_disconnected', 'content' | 'position'>
  ack: Read<'ack', 'content' | 'position' | 'ref'>
  history_response: Read<'history_response', 'content' | 'ref'>
  error: Read<'error', 'content' | 'ref' | 'code' | 'retry'>
}
export type ServerFrame = ServerFrames[keyof ServerFrames]

type Sendable = 'broadcast' | 'private' | 'change_status' | 'list_users' | 'user_info' | 'history'

/** A frame of the client's, without what it fills in by itself: `type`, `target` and `content`. */
export type Draft = { [T in Sendable]: Omit<ClientFrames[T], 'sender'> }[Sendable]

/** Something said to all, as it came. `position` is its place in the room; undefined on a base session. */
export type Message = ServerFrames['broadcast']

/** Something said to one, as it came. `seq` counts those of the session; undefined on a base session. */
export type PrivateMessage = ServerFrames['private']

/** Somebody present. The status is undefined where the server did not tell it: on a base session. */
export interface User {
  readonly name: string
  readonly status: Status | undefined
}

/** What is known of a user who was asked for. */
export interface UserInfo {
  readonly name: string
  readonly ip: string
  readonly status: Status
}

/** Which page: `before` a position, the latest without it; `limit`: how many messages, 1 to 100, 50 without it. */
export interface HistoryQuery {
  readonly before?: string
  readonly limit?: number
}

/** Messages before a position, the oldest first; `more`: there are others before them. */
export interface HistoryPage {
  readonly messages: readonly Message[]
  readonly more: boolean
}

/** What has been done has this place in the room; undefined on a base session, and where nothing changed. */
export interface Receipt {
  readonly position: string | undefined
}

/**
 * What became of a private message. `confirmed`: the server has said that it took it; false on a base session, where
 * nothing does. `delivered`: it went out to the target; false: it waits for one who is away for a moment.
 */
export type PrivateReceipt =
  | { readonly confirmed: true; readonly delivered: boolean; readonly position: string | undefined }
  | { readonly confirmed: false }

/** What was known when the session began, or was taken up again. */
export interface Welcome {
  /** The session from before goes on, and nothing was missed. */
  readonly resumed: boolean
  /** Everyone present, in the order of joining. */
  readonly users: readonly User[]
  /** What was said before, the oldest first, as far as it was asked for and has not been given already. */
  readonly history: readonly Message[]
}

/** What holds in this session, because the server has the extensions. On a base session all of it is false. */
export interface Guarantees {
  /** Every message once and in order, both ways, through lost connections; and where not, that is told. */
  readonly exactlyOnce: boolean
  /** Private messages are acknowledged. */
  readonly privateReceipts: boolean
  /** Whoever joins is told. */
  readonly joins: boolean
  /** There is `history()`. */
  readonly history: boolean
  /** `password` and `token` are heeded. */
  readonly credentials: boolean
}

/**
 * Something may have been missed. `session`: the session from before is gone, and this is a new one. `inbox`: private messages that
 * the server does not have any more.
 */
export interface Lost {
  readonly reason: 'session' | 'inbox'
  /** With `session`: what was sent and not acknowledged. Each one's promise is rejected, too. It is not sent again. */
  readonly undecided: readonly Draft[]
}

export type State = 'connecting' | 'online' | 'waiting' | 'closed'

export interface StateChange {
  readonly state: State
  /** With `waiting`: how long, in milliseconds. */
  readonly retryInMs?: number
  /** With `waiting` and `closed`: why. Absent when the client itself has closed. */
  readonly error?: ChatError
}

/** What {@link Client.on} tells. */
export interface Events {
  state: StateChange
  online: Welcome
  message: Message
  private: PrivateMessage
  joined: { readonly user: string; readonly status: Status }
  left: { readonly user: string }
  status: { readonly user: string; readonly status: Status }
  lost: Lost
  /** What the server refused or nobody could read, and no promise is for. */
  error: ChatError
}

/** What the client uses of a WebSocket: browsers' own, Node's own, and that of `ws` have it. */
export interface Socket {
  send(text: string): void
  close(): void
  addEventListener(type: 'open', listener: () => void): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  addEventListener(
    type: 'close',
    listener: (event: { readonly code: number; readonly reason: string }) => void,
  ): void
  addEventListener(type: 'error', listener: () => void): void
}
export type SocketClass = new (url: string) => Socket

/** Time, as the client sees it. */
export interface Clock {
  /** Milliseconds since any moment; never goes back. */
  now(): number
  /** Calls back once after so many milliseconds, unless what it returns is called before. */
  after(ms: number, callback: () => void): () => void
}

export interface ClientOptions {
  readonly name: string
  /** Claims the name, or proves that it is yours. */
  readonly password?: string
  /** A signed token whose subject is the name; a function is asked anew for each connection. */
  readonly token?: string | (() => string)
  /** How many of the latest messages to send along: 0 to 100. */
  readonly history?: number
  /** The class to use; by default `globalThis.WebSocket`. Node 20 has none: pass that of `ws`. */
  readonly WebSocket?: SocketClass
  /** How long `connect()` goes on trying. Default: 10,000. */
  readonly connectTimeoutMs?: number
  /** How long one try may take, from opening the connection to `register_success`. Default: 10,000. */
  readonly attemptTimeoutMs?: number
  /** How long the server may owe an answer, and say nothing else, before it is asked; and then again. Default: 5,000. */
  readonly answerTimeoutMs?: number
  /** How long a promise may wait, connected or not. Default: 60,000. */
  readonly sendTimeoutMs?: number
  /** The first pause before connecting again, and the longest. Defaults: 200 and 15,000. */
  readonly backoffBaseMs?: number
  readonly backoffCapMs?: number
  /** Asks the server for a sign of life whenever it was silent for so long. Default: 0, never. */
  readonly heartbeatMs?: number
  /** For tests. */
  readonly clock?: Clock
  /** 0 ≤ number < 1. For tests. */
  readonly random?: () => number
}

type Timing =
  | 'connectTimeoutMs'
  | 'attemptTimeoutMs'
  | 'answerTimeoutMs'
  | 'sendTimeoutMs'
  | 'backoffBaseMs'
  | 'backoffCapMs'
  | 'heartbeatMs'

/** The options of which each has a value. */
export type Settings = Required<Pick<ClientOptions, Timing | 'WebSocket' | 'clock' | 'random'>>
