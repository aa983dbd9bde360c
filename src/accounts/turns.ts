/** Work that is dear: so much of it at once, and who asks often waits longest. */

export interface TurnsOptions {
  /** How many are done at the same time. */
  readonly atOnce: number
  /** How many may wait, of all groups together and of each. */
  readonly maxWaiting: number
  readonly maxWaitingEach: number
}

/** Somebody who waits: told whether it is his turn, or that others have a better right to wait. */
type Waiting = (turn: boolean) => void

/** Gives groups their turns one after the other, whatever each of them has waiting. */
export class Turns {
  readonly #options: TurnsOptions
  /** The groups that wait, the next one first. */
  readonly #groups = new Map<string, Waiting[]>()
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

  /** Not async, so that those whose turn it is begin in the order of their turns. */
  #wait(group: string): Promise<boolean> | false {
    const queue = this.#groups.get(group) ?? []
    const { maxWaiting, maxWaitingEach } = this.#options
    if (queue.length >= maxWaitingEach) return false
    if (this.#waiting >= maxWaiting && !this.#makeRoom(queue.length + 1)) return false
    this.#waiting += 1
    return new Promise((waiting) => {
      queue.push(waiting)
      this.#groups.set(group, queue)
    })
  }

  /** Turns away the last of the longest queue, if that is longer than another would become. */
  #makeRoom(length: number): boolean {
    let longest: Waiting[] = []
    for (const queue of this.#groups.values()) if (queue.length > longest.length) longest = queue
    if (longest.length <= length) return false
    this.#waiting -= 1
    longest.pop()?.(false)
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
    const next = queue.shift()
    // Whoever has more waiting goes to the end.
    this.#groups.delete(group)
    if (queue.length > 0) this.#groups.set(group, queue)
    this.#waiting -= 1
    next?.(true)
  }
}
