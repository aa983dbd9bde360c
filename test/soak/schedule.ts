/** What is done to a cluster, and when: the same seed gives the same. */

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

/** What can go wrong. `lease`: how long it lasts, in leases. */
export type Fault =
  | { readonly kind: 'none' }
  | { readonly kind: 'kill' | 'terminate'; readonly node: number }
  | { readonly kind: 'freeze' | 'drop'; readonly node: number; readonly leases: number }
  | {
      readonly kind: 'blackhole'
      readonly node: number
      readonly leases: number
      readonly direction: 'toServer' | 'toClient' | 'both'
    }
  | { readonly kind: 'redis-restart'; readonly leases: number }
  | { readonly kind: 'redis-restarts'; readonly times: number }
  | { readonly kind: 'redis-pause'; readonly leases: number }
  | { readonly kind: 'kill-in-restart'; readonly node: number; readonly leases: number }
  | { readonly kind: 'redis-empty' }
  | { readonly kind: 'kill-connections'; readonly type: 'normal' | 'pubsub'; readonly times: number }

/** Someone who comes or goes while everybody talks. */
export interface Move {
  readonly atMs: number
  readonly kind: 'join' | 'leave' | 'break'
  /** Which node, or which of those who are there. */
  readonly pick: number
  /** Which of the names. */
  readonly name: number
}

export interface Round {
  readonly number: number
  readonly fault: Fault
  readonly moves: readonly Move[]
}

export const NAMES = 60
const ROUND_MS = 2500
const MOVES = 12
/** Around one lease it is open whether it was too long: that has to be right, too. */
const DURATIONS = [0.2, 0.5, 0.9, 1.1, 1.5, 3]

/** The rounds of a seed, without end. */
export function* rounds(seed: number, nodes: number): Generator<Round> {
  const random = randomFrom(seed)
  const pick = <T>(items: readonly T[]): T => {
    const item = items[Math.floor(random() * items.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }
  const node = () => Math.floor(random() * nodes)
  const leases = () => pick(DURATIONS)
  const faults: (() => Fault)[] = [
    () => ({ kind: 'none' }),
    () => ({ kind: 'kill', node: node() }),
    () => ({ kind: 'terminate', node: node() }),
    () => ({ kind: 'freeze', node: node(), leases: leases() }),
    () => ({ kind: 'drop', node: node(), leases: leases() }),
    () => ({
      kind: 'blackhole',
      node: node(),
      leases: leases(),
      direction: pick(['toServer', 'toClient', 'both'] as const),
    }),
    () => ({ kind: 'redis-restart', leases: leases() }),
    () => ({ kind: 'redis-restarts', times: 2 + Math.floor(random() * 3) }),
    () => ({ kind: 'redis-pause', leases: leases() }),
    () => ({ kind: 'kill-in-restart', node: node(), leases: leases() }),
    () => ({ kind: 'redis-empty' }),
    () => ({
      kind: 'kill-connections',
      type: pick(['normal', 'pubsub'] as const),
      times: 1 + Math.floor(random() * 4),
    }),
  ]
  // Each once, in an order of the seed's, before any comes again: a short run sees them all.
  const bag: (() => Fault)[] = []
  for (let number = 1; ; number += 1) {
    if (bag.length === 0) {
      const left = [...faults]
      while (left.length > 0) bag.push(...left.splice(Math.floor(random() * left.length), 1))
    }
    const moves = Array.from({ length: MOVES }, (): Move => {
      const kind = pick(['join', 'join', 'leave', 'break'] as const)
      const name = Math.floor(random() * NAMES)
      return { atMs: random() * ROUND_MS, kind, pick: Math.floor(random() * 1000), name }
    })
    moves.sort((one, other) => one.atMs - other.atMs)
    const fault = bag.shift()
    if (fault !== undefined) yield { number, fault: fault(), moves }
  }
}

/** In short, for people. */
export function described(fault: Fault): string {
  return Object.entries(fault)
    .map(([key, value]) => (key === 'kind' ? value : `${key} ${value}`))
    .join(', ')
}
