import type { Position, Said } from '../room/events.js'

/** What may be kept at most, however few messages that is. */
const MAX_BYTES = 16 * 1024 * 1024

// What a message costs beside its frame, roughly.
const MESSAGE_BYTES = 512

/** What was said last, bounded in number and bytes. */
export class MemoryHistory {
  readonly #maxMessages: number
  #messages: Said[] = []
  /** How many at the beginning count no more. They are cut off together: one by one, each would move all others. */
  #over = 0
  #bytes = 0

  /** @param maxMessages 0: nothing is kept */
  constructor(maxMessages: number) {
    this.#maxMessages = maxMessages
  }

  add(said: Said): void {
    this.#messages.push(said)
    this.#bytes += cost(said)
    while (this.#messages.length - this.#over > this.#maxMessages || this.#bytes > MAX_BYTES) {
      const oldest = this.#messages[this.#over]
      if (oldest === undefined) break
      this.#bytes -= cost(oldest)
      this.#over += 1
    }
    if (this.#over * 2 > this.#messages.length) this.#cut()
  }

  has(position: Position): boolean {
    return this.#find(position) !== undefined
  }

  erase(position: Position): void {
    const erased = this.#find(position)
    if (erased === undefined) return
    this.#cut()
    this.#bytes -= cost(erased)
    this.#messages = this.#messages.filter((said) => said !== erased)
  }

  /** The latest, the oldest first: at most `limit`, before a position where one is given. */
  latest(before: Position | undefined, limit: number): Said[] {
    const end =
      before === undefined ? this.#messages.length : Math.max(this.#behind(before.offset), this.#over)
    return this.#messages.slice(Math.max(end - limit, this.#over), end)
  }

  #find({ epoch, offset }: Position): Said | undefined {
    const index = this.#behind(offset)
    const said = this.#messages[index]
    const isIt = said?.position.offset === offset && said.position.epoch === epoch
    return isIt && index >= this.#over ? said : undefined
  }

  #cut(): void {
    this.#messages = this.#messages.slice(this.#over)
    this.#over = 0
  }

  /** How many have a smaller offset. */
  #behind(offset: number): number {
    let low = 0
    let high = this.#messages.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#messages[middle]?.position.offset ?? 0) < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

function cost({ frame }: Said): number {
  return MESSAGE_BYTES + frame.length
}
