import type { Backplane, Outcome } from '../backplane/backplane.js'
import type { Position, Proposal } from '../room/events.js'

type Settle = (outcome: Outcome) => void

interface Waiting {
  readonly outcome: Outcome
  /** What has to be applied first. */
  readonly position: Position
  readonly settle: Settle
}

/**
 * Gathers the proposals of a turn into one commit, and settles each once its outcome is known *and* the node has applied the
 * event: whoever is told of success can rely on the directory.
 */
export class Committer {
  readonly #backplane: Pick<Backplane, 'commit'>
  readonly #applied: () => Position
  #proposals: Proposal[] = []
  #settles: Settle[] = []
  /** Outcomes whose events have not been applied yet, and what came after them, in the order of the log. */
  #waiting: Waiting[] = []
  /** Epochs that the node has left behind. */
  readonly #past = new Set<string>()
  #outstanding = 0
  #idle: (() => void)[] = []

  /** @param applied the position of the last event that the node has applied */
  constructor(backplane: Pick<Backplane, 'commit'>, applied: () => Position) {
    this.#backplane = backplane
    this.#applied = applied
  }

  /** Proposes; `settle` is called once, with what became of it. */
  propose(proposal: Proposal, settle: Settle): void {
    this.#outstanding += 1
    if (this.#proposals.push(proposal) === 1) setImmediate(() => this.#commit())
    this.#settles.push(settle)
  }

  /** To be called when the node has applied events: settles what waited for them. */
  advance(): void {
    const reached = this.#waiting.findIndex(({ position }) => !this.#isApplied(position))
    this.#release(reached === -1 ? this.#waiting.length : reached)
  }

  /** To be called when the node has taken a new snapshot: what waited for events of the epoch before it waits no more. */
  leaveEpoch(epoch: string): void {
    this.#past.add(epoch)
    this.advance()
  }

  /** Resolves when nothing that was proposed is unsettled. */
  idle(): Promise<void> {
    if (this.#outstanding === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  async #commit(): Promise<void> {
    const proposals = this.#proposals
    const settles = this.#settles
    this.#proposals = []
    this.#settles = []
    const outcomes = await this.#backplane.commit(proposals)
    for (const [index, settle] of settles.entries()) {
      this.#receive(settle, outcomes[index] ?? { ok: false, reason: 'UNAVAILABLE' })
    }
  }

  #receive(settle: Settle, outcome: Outcome): void {
    // Also a refusal waits for what was committed before it: answers keep the order of the frames.
    const position = outcome.ok ? outcome.position : this.#waiting.at(-1)?.position
    if (position === undefined || (this.#waiting.length === 0 && this.#isApplied(position))) {
      this.#settle(settle, outcome)
    } else {
      this.#waiting.push({ outcome, position, settle })
    }
  }

  #isApplied({ epoch, offset }: Position): boolean {
    const applied = this.#applied()
    return epoch === applied.epoch ? offset <= applied.offset : this.#past.has(epoch)
  }

  #release(count: number): void {
    for (const { settle, outcome } of this.#waiting.splice(0, count)) this.#settle(settle, outcome)
  }

  #settle(settle: Settle, outcome: Outcome): void {
    this.#outstanding -= 1
    settle(outcome)
    if (this.#outstanding > 0) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}
