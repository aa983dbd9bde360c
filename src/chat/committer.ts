import type { Backplane, Outcome } from '../backplane/backplane.js'
import type { Position, Proposal } from '../room/events.js'

type Settle = (outcome: Outcome) => void

interface Entry {
  readonly proposal: Proposal
  readonly settle: Settle
}

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
  #entries: Entry[] = []
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
    if (this.#entries.push({ proposal, settle }) === 1) setImmediate(() => this.#commit())
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

  #commit(): void {
    const entries = this.#entries.splice(0)
    // Newcomers may have to wait for those who claim their names again; nobody else waits for them.
    const newcomers = entries.filter(({ proposal }) => isNewcomer(proposal))
    const others = entries.filter(({ proposal }) => !isNewcomer(proposal))
    for (const some of [others, newcomers]) if (some.length > 0) void this.#send(some)
  }

  async #send(entries: readonly Entry[]): Promise<void> {
    const outcomes = await this.#backplane.commit(entries.map(({ proposal }) => proposal))
    for (const [index, { settle }] of entries.entries()) {
      this.#receive(settle, outcomes[index] ?? { ok: false, reason: 'UNAVAILABLE' })
    }
  }

  #receive(settle: Settle, outcome: Outcome): void {
    // Also a refusal waits for what was committed before it: answers keep the order of the frames.
    // So does what was done before: that is in the log already.
    const isNew = outcome.ok && !outcome.repeated
    const position = isNew ? outcome.position : this.#waiting.at(-1)?.position
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

function isNewcomer(proposal: Proposal): boolean {
  return proposal.kind === 'join' && proposal.order === undefined
}
