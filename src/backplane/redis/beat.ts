import { setTimeout as sleep } from 'node:timers/promises'

/** Does something again and again, each time a while after it was done, until it is stopped. */
export class Beat {
  readonly #everyMs: number
  readonly #act: () => Promise<void>
  #wake = new AbortController()
  #stopped = false
  #running: Promise<void> | undefined

  /**
   * @param act never rejects
   */
  constructor(everyMs: number, act: () => Promise<void>) {
    this.#everyMs = everyMs
    this.#act = act
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Does not wait for the next time. */
  soon(): void {
    this.#wake.abort()
  }

  /** Resolves when nothing is being done any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.soon()
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#wake = new AbortController()
      await this.#act()
      await sleep(this.#stopped ? 0 : this.#everyMs, undefined, { signal: this.#wake.signal }).catch(() => {})
    }
  }
}
