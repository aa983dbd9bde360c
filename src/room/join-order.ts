import type { Presence } from './events.js'

/** One user of the directory. `presence` is replaced, never changed. */
export interface Entry {
  presence: Presence
  gone: boolean
}

// Below this many gone entries it is not worth closing the gaps.
const MIN_GONE = 32

/**
 * Entries in the order of joining. Adding the newest, removing, and seeking to a place cost no more than a binary search;
 * what has gone stays in the array, marked, until half of it has.
 */
export class JoinOrder {
  #entries: Entry[] = []
  #gone = 0

  add(entry: Entry): void {
    const last = this.#entries.at(-1)
    if (last === undefined || last.presence.order <= entry.presence.order) this.#entries.push(entry)
    else this.#entries.splice(this.#firstAfter(entry.presence.order), 0, entry)
  }

  remove(entry: Entry): void {
    entry.gone = true
    this.#gone += 1
    if (this.#gone < MIN_GONE || this.#gone * 2 < this.#entries.length) return
    this.#entries = this.#entries.filter(({ gone }) => !gone)
    this.#gone = 0
  }

  /** All who joined after `order`, in order. */
  *after(order: number): Generator<Presence> {
    for (let index = this.#firstAfter(order); index < this.#entries.length; index += 1) {
      const entry = this.#entries[index]
      if (entry?.gone === false) yield entry.presence
    }
  }

  #firstAfter(order: number): number {
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const entry = this.#entries[middle]
      if (entry && entry.presence.order > order) high = middle
      else low = middle + 1
    }
    return low
  }
}
