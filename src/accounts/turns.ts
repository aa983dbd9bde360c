/** Work that is dear: so much of it at once, and who asks often waits longest. */

export interface TurnsOptions {
  /** How many are done at the same time. */
  readonly atOnce: number
  /** How many may wait, of all groups together and of each. */
  readonly maxWaiting: number
  readonly maxWaitingEach: number
}

type Begin = () => void

/** Gives groups their turns one after the other, whatever each of them has waiting. */
export class Turns {
  readonly #options: TurnsOptions
  /** The groups that wait, the next one first. */
  readonly #groups = new Map<string, Begin[]>()
  #waiting = 0
  #busy = 0

  constructor(options: TurnsOptions) {
    this.#options = options
  }

  /**
   * Does something in its turn.
   * @returns what it came to, or `busy` when too many wait already
   */
  async take<T>(group: string, work: () => Promise<T>): Promise<T | 'busy'> {
    if (this.#busy < this.#options.atOnce) this.#busy += 1
    else if (!(await this.#wait(group))) return 'busy'
    try {
      return await work()
    } finally {
      this.#passOn()
    }
  }

  async #wait(group: string): Promise<boolean> {
    const queue = this.#groups.get(group) ?? []
    const { maxWaiting, maxWaitingEach } = this.#options
    if (this.#waiting >= maxWaiting || queue.length >= maxWaitingEach) return false
    this.#waiting += 1
    await new Promise<void>((begin) => {
      queue.push(begin)
      this.#groups.set(group, queue)
    })
    return true
  }

  /** Whoever has done his work gives his place to the next. */
  #passOn(): void {
    const [entry] = this.#groups
    if (entry === undefined) {
      this.#busy -= 1
      return
    }
    const [group, queue] = entry
    const begin = queue.shift()
    // Whoever has more waiting goes to the end.
    this.#groups.delete(group)
    if (queue.length > 0) this.#groups.set(group, queue)
    this.#waiting -= 1
    begin?.()
  }
}
