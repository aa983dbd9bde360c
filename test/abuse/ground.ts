/** What attacks are: whom they are against, what they get, and what they give back. */
import type { Dice } from '../support/dice.js'

/** A node as a stranger sees it. */
export interface Target {
  /** ws://127.0.0.1:PORT/chat */
  readonly url: string
  readonly port: number
}

/** What an attack works with. */
export interface Ground {
  readonly nodes: readonly Target[]
  /** The attack's own: what is thrown in the same order is the same. */
  readonly dice: Dice
  /** What operators say to all: bystanders are not surprised by it. */
  readonly announced: Set<string>
  /** Names of the bystanders. */
  readonly bystanders: readonly string[]
}

/**
 * Tries so many things, and leaves nobody behind. Resolves with how many it tried.
 * @throws when a stranger sees what must not be
 */
export type Attack = (ground: Ground, amount: number) => Promise<number>

/** How long everything may take that has to come. */
export const PATIENCE_MS = 30_000
