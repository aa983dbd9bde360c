import type { Outcome, OutcomeRefusal } from '../../backplane/backplane.js'
import type { ListFrame } from '../../protocol/codec.js'
import type { Refusal } from '../../protocol/codes.js'
import type { HistoryPage } from '../../protocol/extensions.js'
import type { ClientFrames, FrameType } from '../../protocol/frames.js'
import type { NameKey } from '../../protocol/names.js'
import type { Position } from '../../protocol/position.js'
import type { ResumePoint } from '../../protocol/registration.js'
import type { Directory } from '../../room/directory.js'
import type { Presence, Proposal } from '../../room/events.js'
import type { Applicant, Verdict } from '../doorkeeper.js'
import type { NamedSession, Session } from '../session.js'

/** What a command can do: the node as its commands see it. */
export interface CommandNode {
  readonly directory: Directory
  /** Whether users are told each other's addresses. */
  readonly showsAddresses: boolean
  /** Milliseconds since 1970. */
  now(): number
  /** Sends the JSON text of a frame to one session. */
  send(session: Session, frame: string | ListFrame): void
  /** Answers with an `error`. */
  refuse(session: Session, refusal: Refusal, ref?: string): void
  /** Acknowledges a frame that carried a `ref` (part 2, 4); one without is not. */
  acknowledge(
    session: Session,
    ref: string | undefined,
    position?: Position,
    content?: { delivered: boolean },
  ): void
  /** Proposes for a session; `done` gets the outcome, once the node has applied what was committed. */
  propose(session: Session, proposal: Proposal, done: (outcome: Outcome) => void): void
  /** Undoes an INACTIVO that the server set; `done` is called when that has taken effect, or could not. */
  wake(session: Session, done?: () => void): void
  /** Asks the backplane for a name that the directory does not know. The session is held until `then` has been called. */
  confirmMiss(
    session: Session,
    key: NameKey,
    then: (presence: Presence | undefined) => void,
    ref?: string,
  ): void
  /** Answers with a page of the history. */
  history(session: Session, page: HistoryPage, ref: string | undefined): void
  /** Whether everything that a client has missed since it broke off is still kept. Rejects when the backplane cannot be reached. */
  keeps(point: ResumePoint): Promise<boolean>
  /** Whether a `register` may be heard now; else the session is held until it may ask again. */
  mayRegister(session: Session): boolean
  /** Asks whether somebody may enter. */
  admit(applicant: Applicant, then: (verdict: Verdict) => void): void
  /** Tells somebody that he is banned, and ends his session. */
  expel(session: Session, ref?: string): void
  /** Ends the session with code 1000. */
  dismiss(session: Session): void
}

/**
 * What became of a frame: done (undefined); refused, and nothing was done; or it has to wait for what the session did before.
 */
export type Result = Refusal | 'later' | undefined

/** One frame that clients send: who may send it, and what it does. `ref` is what its answer carries back; only extended sessions have it. */
export type Command<T extends FrameType> = {
  /** Whether its `sender` must be the session's own name (protocol 1.2). */
  readonly asSelf: boolean
  /** Whether its answer shows the effect of the session's earlier frames, so that it waits for them. */
  readonly afterEarlier: boolean
} & (
  | {
      /** Whether it is understood before `register` has succeeded. */
      readonly beforeRegister: true
      run(session: Session, frame: ClientFrames[T], node: CommandNode, ref?: string): Result
    }
  | {
      readonly beforeRegister: false
      run(session: NamedSession, frame: ClientFrames[T], node: CommandNode, ref?: string): Result
    }
)

/**
 * What a client is told of a proposal that came to nothing.
 * @param target whom it was for
 */
export function refusalOf(reason: OutcomeRefusal, target = ''): Refusal {
  if (reason === 'NAME_TAKEN' || reason === 'NAME_CLAIMED') return { code: reason }
  if (reason === 'UNKNOWN_TARGET') return { code: 'USER_NOT_FOUND' }
  if (reason === 'INBOX_FULL') return { code: reason, detail: target }
  return { code: 'UNAVAILABLE' }
}
