import type { Backplane } from '../backplane/backplane.js'
import { withPosition } from '../protocol/extensions.js'
import { MAX_HISTORY } from '../protocol/registration.js'
import type { FrameBytes, Position, Said } from '../room/events.js'

/** A part of the history, the oldest first. */
export interface MessagePage {
  readonly messages: readonly Said[]
  /** Whether there is more before it. */
  readonly more: boolean
}

/** The latest of what was said, as far as it is kept in the memory of a node; what is older is asked for. */
export class Recent {
  readonly #backplane: Pick<Backplane, 'history'>
  readonly #most: number
  #messages: Said[] = []
  /** Whether these are the latest, none missing between them. */
  #loaded = false
  /** What was taken out since they were asked for. */
  #erased: Position[] = []
  /** Counts loads: of several under way only the newest counts. */
  #loads = 0

  /** @param most how many the history keeps: there are no more here, either */
  constructor(backplane: Pick<Backplane, 'history'>, most = MAX_HISTORY) {
    this.#backplane = backplane
    this.#most = Math.min(most, MAX_HISTORY)
  }

  get loaded(): boolean {
    return this.#loaded
  }

  /** Begins anew with what is kept. Where that cannot be had, it is asked for each time until this succeeds. */
  async load(): Promise<void> {
    this.#loaded = false
    this.#loads += 1
    const load = this.#loads
    const before = [...this.#messages]
    const kept = await this.#backplane.history(undefined, MAX_HISTORY).catch((): undefined => undefined)
    if (kept === undefined || load !== this.#loads) return
    // What was applied meanwhile may be among them, or not yet.
    const { offset = 0 } = kept.at(-1)?.position ?? {}
    const since = this.#messages.filter((said) => said.position.offset > offset && !before.includes(said))
    this.#messages = this.#last([...kept, ...since])
    this.#loaded = true
    for (const message of this.#erased.splice(0)) this.erase(message)
  }

  add(said: Said): void {
    const { offset = 0 } = this.#messages.at(-1)?.position ?? {}
    if (this.#loaded && said.position.offset <= offset) return
    this.#messages.push(said)
    if (this.#messages.length > this.#most) this.#messages.shift()
  }

  erase(message: Position): void {
    const { epoch, offset } = message
    if (!this.#loaded) this.#erased.push(message)
    const left = this.#messages.filter(
      ({ position }) => position.offset !== offset || position.epoch !== epoch,
    )
    const isFull = this.#messages.length === this.#most
    const isGone = left.length < this.#messages.length
    this.#messages = left
    // An older one takes its place.
    if (isFull && isGone) void this.load()
  }

  /** The latest, the oldest first, as frames of extended sessions. */
  latest(count: number): FrameBytes[] {
    return count === 0 ? [] : this.#messages.slice(-count).map(shown)
  }

  /** A page of the history: the latest before a position. Rejects when the backplane cannot be reached. */
  async page(before: Position | undefined, limit: number): Promise<MessagePage> {
    const one = limit + 1
    const known = this.#loaded ? this.#before(before).slice(-one) : []
    const found = known.length === one ? known : await this.#backplane.history(before, one)
    return { messages: found.slice(-limit), more: found.length > limit }
  }

  #last(messages: Said[]): Said[] {
    return messages.slice(Math.max(messages.length - this.#most, 0))
  }

  #before(before: Position | undefined): Said[] {
    if (before === undefined) return this.#messages
    return this.#messages.filter(({ position }) => position.offset < before.offset)
  }
}

/** A message of the history as extended sessions get it. */
export function shown({ frame, position }: Said): FrameBytes {
  return withPosition(frame, position)
}
