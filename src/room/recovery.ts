/** What a client gets that has missed something: a pure function of what is kept, what came meanwhile, and where the client stands. */
import { withSeq } from '../protocol/extensions.js'
import type { Event, FrameBytes, Position } from './events.js'
import { shownToExtended } from './shown.js'

/** Up to where a client has been told: of the room's log, and of its own private messages. */
export interface Standing {
  readonly position: Position
  readonly seq: number
}

/** A private message, and which of the session's it is. */
export interface Numbered {
  readonly seq: number
  readonly frame: FrameBytes
}

export interface Missed {
  /** Events of the log, in order, none missing behind where the client stands; the rest comes another time. */
  readonly events: readonly Event[]
  /** What the inbox has, in order; `after`: the event that a message stands behind. */
  readonly kept: readonly (Numbered & { readonly after: Position })[]
  /** Private messages that came while that was read, in the order in which they came. */
  readonly meanwhile: readonly Numbered[]
  /** What the node has applied: what is behind that will be live. */
  readonly applied: Position
}

export interface Recovered {
  /** The payloads to be sent, in order. */
  readonly frames: readonly FrameBytes[]
  /** Where the client stands then. */
  readonly standing: Standing
}

/**
 * Puts together what a client has missed: each event and each message once, events in the order of the log, messages in the order of
 * their numbers, and each message behind its event where that is among them. Stops where a message is missing.
 */
export function recover(
  { position, seq }: Standing,
  { events, kept, meanwhile, applied }: Missed,
): Recovered {
  const due = events.filter(
    ({ position: { offset } }) => offset > position.offset && offset <= applied.offset,
  )
  const reached = due.at(-1)?.position ?? position
  // What stands behind events that are still to be read waits for them.
  const isAll = reached.offset >= applied.offset
  const upTo = isAll ? applied.offset : reached.offset
  const keptDue = kept.filter(({ after }) => after.offset <= upTo)
  const messages = inSequence(seq, isAll ? [...keptDue, ...meanwhile] : keptDue)
  const places = new Map(keptDue.map((message) => [message.seq, message.after.offset]))
  const frames: FrameBytes[] = []
  let next = 0
  // Messages stand in the order of their numbers, so that one without a place goes with those before it.
  const sendUpTo = (offset: number) => {
    for (let message = messages[next]; message; message = messages[next]) {
      if ((places.get(message.seq) ?? Number.POSITIVE_INFINITY) > offset) break
      frames.push(withSeq(message.frame, message.seq))
      next += 1
    }
  }
  for (const event of due) {
    sendUpTo(event.position.offset - 1)
    const frame = shownToExtended(event)
    if (frame !== undefined) frames.push(frame)
  }
  sendUpTo(Number.POSITIVE_INFINITY)
  return {
    frames,
    standing: { position: reached, seq: messages.at(-1)?.seq ?? seq },
  }
}

/** The messages behind a number, each once, up to the first that is missing. */
function inSequence(seq: number, messages: readonly Numbered[]): Numbered[] {
  const bySeq = new Map(messages.map((message) => [message.seq, message]))
  const sequence: Numbered[] = []
  for (let next = bySeq.get(seq + 1); next; next = bySeq.get(next.seq + 1)) sequence.push(next)
  return sequence
}
