/** What is applied and written in one go, at most, before other work has its turn. */
const SLICE_BYTES = 64 * 1024

/**
 * Takes items in order and applies them at once, as long as they are few; many are applied in slices, between which the
 * event loop goes round, so that no burst keeps others waiting.
 */
export class Slices<T> {
  readonly #apply: (item: T) => void
  readonly #pendingBytes: () => number
  readonly #onSlice: () => void
  #items: T[] = []
  #continuing = false

  /**
   * @param apply applies one item
   * @param pendingBytes how many bytes what was applied since the last slice has produced
   * @param onSlice called at the end of each slice
   */
  constructor(apply: (item: T) => void, pendingBytes: () => number, onSlice: () => void) {
    this.#apply = apply
    this.#pendingBytes = pendingBytes
    this.#onSlice = onSlice
  }

  push(items: readonly T[]): void {
    // One by one: there may be more than fit into the arguments of a call.
    for (const item of items) this.#items.push(item)
    if (!this.#continuing) this.#slice()
  }

  #slice(): void {
    let applied = 0
    while (applied < this.#items.length && this.#pendingBytes() < SLICE_BYTES) {
      const item = this.#items[applied]
      if (item !== undefined) this.#apply(item)
      applied += 1
    }
    this.#items.splice(0, applied)
    this.#continuing = this.#items.length > 0
    if (this.#continuing) {
      setImmediate(() => this.#slice())
    }
    this.#onSlice()
  }
}
