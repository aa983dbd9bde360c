import type { Frames } from '../protocol/codec.js'
import type { Event, FrameBytes } from '../room/events.js'
import { shownToExtended } from '../room/shown.js'
import { Fanout, type Member } from './fanout.js'

/** A member that gets frames as the base protocol has them, or with their extensions. */
export interface Recipient extends Member {
  readonly extended: boolean
}

/** Brings the room's frames to its members: those of base sessions as they are, those of extended ones with their positions. */
export class Delivery<M extends Recipient> {
  readonly #base: Fanout<M>
  readonly #extended: Fanout<M>

  /** @param onOverfull called for a member whose outbox holds more than its cap */
  constructor(onOverfull: (member: M) => void) {
    this.#base = new Fanout(onOverfull)
    this.#extended = new Fanout(onOverfull)
  }

  /** How many bytes the current turn has for everyone. */
  get pendingBytes(): number {
    return this.#base.pendingBytes + this.#extended.pendingBytes
  }

  /** Shows an event to all. */
  publish(event: Event & { readonly frame: FrameBytes }): void {
    this.#base.append(event.frame)
    this.publishExtended(event)
  }

  /** Shows an event to all but one, who is there but does not get its own. */
  publishExcept(member: M, event: Event & { readonly frame: FrameBytes }): void {
    if (member.extended) {
      this.#base.append(event.frame)
      const frame = shownToExtended(event)
      if (frame !== undefined) this.#extended.appendExcept(member, frame)
    } else {
      this.#base.appendExcept(member, event.frame)
      this.publishExtended(event)
    }
  }

  /** Shows an event that base sessions see nothing of. */
  publishExtended(event: Event): void {
    if (this.#extended.members.size === 0) return
    const frame = shownToExtended(event)
    if (frame !== undefined) this.#extended.append(frame)
  }

  /** Makes somebody a member: it gets what is published from now on. */
  enter(member: M): void {
    this.#of(member).enter(member)
  }

  /** Ends a membership; what was published until now still goes out. */
  leave(member: M): void {
    this.#of(member).leave(member)
  }

  /** Sends ready frames to one alone, in their place among the room's. */
  send(member: M, frames: Frames): void {
    this.#of(member).send(member, frames)
  }

  #of({ extended }: M): Fanout<M> {
    return extended ? this.#extended : this.#base
  }
}
