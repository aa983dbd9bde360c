/** What was given to the client to be sent and has no answer yet, in the order in which it was given. Pure. */
import type { ChatError } from './errors.js'
import type { Draft, ServerFrame } from './types.js'

/** How much may wait for an answer. The server reads no further than that, either. */
export const MAX_UNANSWERED = 64

/** One frame and the promise that waits for it. */
export interface Entry {
  /** Counts what was given. */
  readonly number: number
  readonly draft: Draft
  /** When it was last written to a connection; undefined: never. */
  writtenAt: number | undefined
  /** Fulfils the promise and returns true, if the frame is the answer. */
  readonly settle: (frame: ServerFrame) => boolean
  /** Fulfils the promise and returns true, if it is one that base servers do not answer. */
  readonly settleBlindly: () => boolean
  readonly reject: (error: ChatError) => void
}

/** What does something, and not only asks. Doing it twice would be wrong. */
const DEEDS: readonly Draft['type'][] = ['broadcast', 'private', 'change_status']

/** Whether the server may have done it: it was sent, and it is not known what became of it. */
export function mayBeDone({ writtenAt, draft }: Entry): boolean {
  return writtenAt !== undefined && DEEDS.includes(draft.type)
}

export class Outgoing {
  readonly #entries = new Map<number, Entry>()

  get full(): boolean {
    return this.#entries.size >= MAX_UNANSWERED
  }

  add(entry: Entry): void {
    this.#entries.set(entry.number, entry)
  }

  /** Takes one out. Returns it, if it was there. */
  take(number: number): Entry | undefined {
    const entry = this.#entries.get(number)
    this.#entries.delete(number)
    return entry
  }

  /** All of it, in order. Taking some out meanwhile does no harm. */
  all(): Iterable<Entry> {
    return this.#entries.values()
  }

  /** All of it that was ever written, in order. */
  written(): Entry[] {
    return [...this.all()].filter(({ writtenAt }) => writtenAt !== undefined)
  }

  /** Takes out, of what was ever written, all that may have been done and must not be done twice. */
  takeUndecided(): Entry[] {
    const undecided = [...this.all()].filter(mayBeDone)
    for (const { number } of undecided) this.take(number)
    return undecided
  }
}
