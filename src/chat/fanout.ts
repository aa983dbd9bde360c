import { type Frames, MAX_HEADER_BYTES, writeFrame } from '../protocol/codec.js'
import type { FrameBytes } from '../room/events.js'
import type { Outbox } from './outbox.js'

const SLAB_BYTES = 64 * 1024

/** Somebody whom the room's frames go to. */
export interface Member {
  readonly outbox: Outbox
  /** Up to where it has the room's frames: a place in the stream of all that was ever fanned out. */
  seen: number
}

/**
 * Gives every member the same bytes: a frame is encoded once, and all frames of a turn are one buffer, which each member's
 * socket gets in one write. Who enters or leaves in the middle of a turn gets the part that it was there for.
 */
export class Fanout<M extends Member> {
  readonly members = new Set<M>()
  readonly #onOverfull: (member: M) => void
  /** Outboxes with something of their own to write. */
  readonly #touched = new Set<M>()
  #slab = Buffer.alloc(0)
  /** Places in the stream: of the slab's first byte, of the turn's first byte, and behind the last byte. */
  #base = 0
  #start = 0
  #end = 0
  #scheduled = false

  /** @param onOverfull called for a member whose outbox holds more than its cap after a flush */
  constructor(onOverfull: (member: M) => void) {
    this.#onOverfull = onOverfull
  }

  /** How many bytes the current turn has for everyone. */
  get pendingBytes(): number {
    return this.#end - this.#start
  }

  /** Adds a frame for everyone who is a member now. */
  append(payload: FrameBytes): void {
    const needed = payload.length + MAX_HEADER_BYTES
    if (this.#end - this.#base + needed > this.#slab.length) {
      this.flush()
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, needed))
      this.#base = this.#end
    }
    this.#end = this.#base + writeFrame(this.#slab, this.#end - this.#base, payload)
    this.#schedule()
  }

  /** Makes somebody a member: it gets what is appended from now on. */
  enter(member: M): void {
    member.seen = this.#end
    this.members.add(member)
  }

  /** Ends a membership; what was appended until now still goes out. */
  leave(member: M): void {
    this.#catchUp(member)
    this.members.delete(member)
  }

  /** Lets a member miss the frame that `append` adds. */
  appendExcept(member: M, payload: FrameBytes): void {
    this.#catchUp(member)
    this.append(payload)
    if (this.members.has(member)) member.seen = this.#end
  }

  /** Sends ready frames to one alone, in their place among the room's. */
  send(member: M, frames: Frames): void {
    this.#catchUp(member)
    member.outbox.push(frames)
    this.#touched.add(member)
    this.#schedule()
  }

  /** Writes what the turn has gathered. */
  flush(): void {
    const whole = this.#slice(this.#start)
    if (whole.length > 0) {
      for (const member of this.members) {
        const { seen, outbox } = member
        if (seen === this.#end) {
          outbox.flush()
        } else {
          member.seen = this.#end
          // Most of the time it goes straight to the socket, which says that there is no hurry.
          if (outbox.deliver(seen === this.#start ? whole : this.#slice(seen))) continue
        }
        if (outbox.overfull) this.#onOverfull(member)
      }
    }
    this.#start = this.#end
    const touched = [...this.#touched]
    // First: whoever is relieved by this goes on, and is touched again.
    this.#touched.clear()
    for (const member of touched) {
      member.outbox.flush()
      if (member.outbox.overfull) this.#onOverfull(member)
    }
  }

  #catchUp(member: M): void {
    if (!this.members.has(member) || member.seen === this.#end) return
    member.outbox.push(this.#slice(member.seen))
    member.seen = this.#end
    this.#touched.add(member)
  }

  #slice(from: number): Buffer {
    return this.#slab.subarray(from - this.#base, this.#end - this.#base)
  }

  /** At the end of the current turn of the event loop: no timer, no added delay. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    process.nextTick(() => {
      this.#scheduled = false
      this.flush()
    })
  }
}
