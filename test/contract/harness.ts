import type { Backplane } from '../../src/backplane/backplane.js'
import type { Store } from '../../src/backplane/store.js'

/** What one node has of a room. */
export interface NodeParts {
  /** Not started yet. */
  readonly backplane: Backplane
  readonly store: Store
}

/** A room that nobody else uses. */
export interface Harness {
  /** Makes another node of it. */
  connect(): Promise<NodeParts>
  /**
   * Ends a node's claim to be alive, as if it had been silent for longer than its lease. What follows from it may come later.
   * There is another node in the room.
   */
  sweep(nodeId: string): Promise<void>
  /** Ends everything, the nodes too. */
  close(): Promise<void>
}

export interface RoomOptions {
  /** How many of the latest events can be read at least. The log ends some time behind them. */
  readonly keptEvents: number
  /** For how long an account is kept whose owner is not there; without it, for longer than a test goes on. */
  readonly accountTtlMs?: number
  /** For how long extended sessions are held; without it, for longer than a test goes on. 0: not at all. */
  readonly resumeGraceMs?: number
  /** How many broadcasts the history keeps; without it, more than a test has. */
  readonly historyLength?: number
}

/** An implementation of the port that is to keep the contract. */
export interface Subject {
  readonly name: string
  open(options: RoomOptions): Promise<Harness>
}
