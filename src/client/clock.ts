import type { Clock } from './types.js'

/** The time of the platform. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
}

/** A timer that runs at most once at a time. */
export class Timer {
  readonly #clock: Clock
  #cancel: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get running(): boolean {
    return this.#cancel !== undefined
  }

  /** Starts it anew. */
  start(ms: number, callback: () => void): void {
    this.stop()
    this.#cancel = this.#clock.after(ms, () => {
      this.#cancel = undefined
      callback()
    })
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }
}
