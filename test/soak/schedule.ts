/** What is done to a cluster, and when: the same seed gives the same. */
import { Dice } from '../support/dice.js'

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
  const dice = new Dice(seed)
  const node = () => dice.below(nodes)
  const leases = () => dice.pick(DURATIONS)
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
      direction: dice.pick(['toServer', 'toClient', 'both'] as const),
    }),
    () => ({ kind: 'redis-restart', leases: leases() }),
    () => ({ kind: 'redis-restarts', times: 2 + dice.below(3) }),
    () => ({ kind: 'redis-pause', leases: leases() }),
    () => ({ kind: 'kill-in-restart', node: node(), leases: leases() }),
    () => ({ kind: 'redis-empty' }),
    () => ({
      kind: 'kill-connections',
      type: dice.pick(['normal', 'pubsub'] as const),
      times: 1 + dice.below(4),
    }),
  ]
  // Each once, in an order of the seed's, before any comes again: a short run sees them all.
  const bag: (() => Fault)[] = []
  for (let number = 1; ; number += 1) {
    if (bag.length === 0) bag.push(...dice.shuffled(faults))
    const moves = Array.from({ length: MOVES }, (): Move => {
      const kind = dice.pick(['join', 'join', 'leave', 'break'] as const)
      const name = dice.below(NAMES)
      return { atMs: dice.roll() * ROUND_MS, kind, pick: dice.below(1000), name }
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
