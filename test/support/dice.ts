/** Random numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Chance that can be repeated: the same seed gives the same. */
export class Dice {
  readonly #next: () => number

  constructor(seed: number) {
    this.#next = randomFrom(seed)
  }

  /** Others, whose throws depend on these alone: for what goes on at the same time, in no order. */
  another(): Dice {
    return new Dice(this.below(2 ** 32))
  }

  /** From 0 to 1, and not 1. */
  roll(): number {
    return this.#next()
  }

  /** A whole number from 0 to `limit`, and not `limit`. */
  below(limit: number): number {
    return Math.floor(this.#next() * limit)
  }

  /** Whether something happens that does so with a probability. */
  happens(probability: number): boolean {
    return this.#next() < probability
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }

  /** All of them, in another order. */
  shuffled<T>(items: readonly T[]): T[] {
    const left = [...items]
    const order: T[] = []
    while (left.length > 0) order.push(...left.splice(this.below(left.length), 1))
    return order
  }
}
