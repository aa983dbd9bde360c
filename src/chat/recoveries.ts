import type { Backplane, Inbox } from '../backplane/backplane.js'
import type { FrameBytes, Position } from '../room/events.js'
import { INBOX_HELD } from '../room/inbox.js'
import { type Numbered, recover, type Standing } from '../room/recovery.js'
import type { ExtendedSession, Session } from './session.js'

/** How many events of the log are read at a time. */
const EVENTS = 1024

/** For how many sessions inboxes are read at a time. */
const INBOXES = 128

export interface RecoveriesOptions {
  readonly backplane: Pick<Backplane, 'read' | 'inboxes'>
  /** What the node has applied. */
  readonly applied: () => Position
  /** Sends payloads to a session, in order. */
  readonly deliver: (session: ExtendedSession, frames: readonly FrameBytes[]) => void
  /** From now on it gets everything live. */
  readonly goLive: (session: ExtendedSession) => void
  /** What it has missed is not kept, or cannot be had now: it has to come back. */
  readonly onLost: (session: ExtendedSession) => void
}

/** Brings extended sessions up to date: those that were taken up again, and those whose messages may not have come. */
export class Recoveries {
  readonly #options: RecoveriesOptions

  constructor(options: RecoveriesOptions) {
    this.#options = options
  }

  /** Replays to a session what it has missed since it broke off, and has it go on live without a hole. */
  async resume(session: ExtendedSession, from: Standing): Promise<void> {
    const { backplane, applied, goLive, onLost } = this.#options
    const { extension } = session
    extension.meanwhile = []
    let standing = from
    // Read once: what is sent to the session from then on comes by itself, and the inbox need not keep it for so long.
    let kept: Inbox | undefined
    try {
      for (let round = 1; ; round += 1) {
        const [slice, inbox] = await Promise.all([
          backplane.read(standing.position, EVENTS),
          kept ?? this.#inboxOf(session, standing.seq),
        ])
        if (session.state !== 'present') return
        if (slice === 'lost' || inbox === 'lost') break
        const meanwhile: readonly Numbered[] = extension.meanwhile ?? []
        const missed = { events: slice.events, kept: inbox, meanwhile, applied: applied() }
        const recovered = recover(standing, missed)
        standing = recovered.standing
        extension.seq = standing.seq
        extension.meanwhile = meanwhile.filter(({ seq }) => seq > extension.seq)
        const isAll = standing.position.offset >= missed.applied.offset
        // One before those did not come: it is in the inbox.
        const isOneMissing = isAll && extension.meanwhile.length > 0
        kept = isOneMissing ? undefined : inbox.filter(({ seq }) => seq > extension.seq)
        await this.#replay(session, recovered.frames)
        if (session.state !== 'present') return
        // In the same turn: nothing can be applied in between.
        if (standing.position.offset >= applied().offset && extension.meanwhile.length === 0) {
          extension.meanwhile = undefined
          goLive(session)
          // Nobody has looked meanwhile whether all of it came.
          if (round > 1) void this.look([session])
          return
        }
      }
    } catch {
      // It cannot be reached now.
    }
    extension.meanwhile = undefined
    onLost(session)
  }

  /** Looks whether messages were kept for sessions that have not come. */
  async look(sessions: readonly ExtendedSession[]): Promise<void> {
    for (let first = 0; first < sessions.length; first += INBOXES) {
      const some = sessions.slice(first, first + INBOXES).filter(({ extension }) => !extension.meanwhile)
      for (const { extension } of some) extension.meanwhile = []
      const queries = some.map(({ extension }) => ({ secretHash: extension.hash, after: extension.seq }))
      // Where that fails it is looked again when they can be reached.
      const inboxes = await this.#options.backplane.inboxes(queries).catch((): undefined => undefined)
      for (const [index, session] of some.entries()) this.#catchUp(session, inboxes?.[index] ?? [])
    }
  }

  /** Takes a message that has come live: in its turn, once. */
  receive(session: ExtendedSession, message: Numbered): void {
    const { extension } = session
    if (extension.meanwhile !== undefined) {
      // Who does not read is not waited for for ever: he will be told that something is missing.
      if (extension.meanwhile.push(message) > INBOX_HELD.messages) extension.meanwhile.shift()
      return
    }
    this.#catchUp(session, [], [message])
    // One before it did not come: it is in the inbox.
    if (message.seq > extension.seq) void this.look([session])
  }

  /** Sends as much at a time as the client reads: it may have missed more than may wait for it. */
  async #replay(session: ExtendedSession, frames: readonly FrameBytes[]): Promise<void> {
    for (const frame of frames) {
      if (session.outbox.pressed) await relieved(session)
      if (session.state !== 'present') return
      this.#options.deliver(session, [frame])
    }
  }

  #catchUp(
    session: ExtendedSession,
    inbox: Inbox,
    meanwhile: readonly Numbered[] = session.extension.meanwhile ?? [],
  ): void {
    const { applied, deliver, onLost } = this.#options
    const { extension } = session
    extension.meanwhile = undefined
    if (session.state !== 'present') return
    if (inbox === 'lost') {
      onLost(session)
      return
    }
    const position = applied()
    const missed = { events: [], kept: inbox, meanwhile, applied: position }
    const { frames, standing } = recover({ position, seq: extension.seq }, missed)
    extension.seq = standing.seq
    deliver(session, frames)
  }

  async #inboxOf({ extension }: ExtendedSession, after: number): Promise<Inbox> {
    const [inbox = 'lost'] = await this.#options.backplane.inboxes([{ secretHash: extension.hash, after }])
    return inbox
  }
}

/** Resolves when a client has read so much that it can get more, or has gone. */
function relieved({ outbox }: Session): Promise<void> {
  return new Promise((resolve) => outbox.onceRelieved(resolve))
}
