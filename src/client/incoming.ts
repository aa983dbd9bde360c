/** Where the client stands in what the server sends: what is new, what is a repeat, and what is missing (part 2, points 2 and 3). Pure. */
import type { ServerFrame } from './types.js'

/**
 * `repeat`: seen already. `hole`: one before it is missing, and the server may still have it. `gap`: the same one is missing again, so
 * it has not.
 */
export type Verdict = 'new' | 'repeat' | 'hole' | 'gap'

export class Cursor {
  /** Of the last frame of the room's log. */
  position: string
  /** Of the last private message. */
  seq: number
  /** What is missing, when a `hole` was found. */
  #missing = 0

  constructor(position: string, seq: number) {
    this.position = position
    this.seq = seq
  }

  /** Judges a frame and, unless it is a repeat or stands behind a hole, moves on to it. */
  take(frame: ServerFrame): Verdict {
    if (frame.type === 'private') return frame.seq === undefined ? 'new' : this.#takeSeq(frame.seq)
    // What an `ack` names is where something else stands.
    const position = frame.type === 'ack' || !('position' in frame) ? undefined : frame.position
    if (position === undefined) return 'new'
    if (!this.isAhead(position)) return 'repeat'
    this.position = position
    return 'new'
  }

  /**
   * Whether what stands there has not been seen. Positions of another epoch cannot be compared: they are ahead, and nothing is missing
   * between, or the server would have ended the session.
   */
  isAhead(position: string): boolean {
    return epochOf(position) !== epochOf(this.position) || offsetOf(position) > offsetOf(this.position)
  }

  #takeSeq(seq: number): Verdict {
    const next = this.seq + 1
    if (seq < next) return 'repeat'
    if (seq > next && this.#missing !== next) {
      this.#missing = next
      return 'hole'
    }
    this.seq = seq
    return seq === next ? 'new' : 'gap'
  }
}

function epochOf(position: string): string {
  return position.slice(0, position.lastIndexOf('-'))
}

function offsetOf(position: string): number {
  return Number(position.slice(position.lastIndexOf('-') + 1))
}
