import type { Clock } from '../../src/client/types.js'

interface Due {
  readonly at: number
  readonly callback: () => void
}

/** A clock that goes when a test says so. */
export class ManualClock implements Clock {
  #now = 0
  readonly #due = new Set<Due>()

  now(): number {
    return this.#now
  }

  after(ms: number, callback: () => void): () => void {
    const due = { at: this.#now + ms, callback }
    this.#due.add(due)
    return () => this.#due.delete(due)
  }

  /** How many timers run. */
  get timers(): number {
    return this.#due.size
  }

  /** Lets time pass, and what is due happen, one after the other with all that follows at once from it. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await settled()
    for (;;) {
      const next = [...this.#due].filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0]
      if (next === undefined) break
      this.#now = next.at
      this.#due.delete(next)
      next.callback()
      await settled()
    }
    this.#now = end
  }
}

/** Resolves when all microtasks that there are, and those that they lead to, are done. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
