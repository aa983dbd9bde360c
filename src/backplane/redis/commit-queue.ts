import type { Proposal } from '../../room/events.js'
import type { Outcome } from '../backplane.js'
import { Pace } from './pace.js'
import { type Answer, writeProposal } from './wire.js'

/** The most that one batch may hold: a script keeps everyone else waiting. A single larger proposal goes alone. */
const BATCH_PROPOSALS = 256
const BATCH_BYTES = 256 * 1024

/** When what had to wait is tried again. */
const WAIT_MS = 100

/** Proposals on their way, in the order of the calls. */
export interface Batch {
  /** As the script wants them, one a line. */
  readonly lines: readonly string[]
  /** Whether all in it only take something away: then it is to be done also when Redis has no memory left. */
  readonly makesRoom: boolean
}

/**
 * What became of a batch. `lapsed`: nothing was done, the node had been swept. `refused`: nothing was done, Redis takes nothing now.
 * undefined: that cannot be found out.
 */
export type BatchOutcome = readonly Answer[] | 'lapsed' | 'refused' | undefined

export interface CommitQueueOptions {
  /** Has a batch judged, however often that has to be tried. */
  readonly send: (batch: Batch) => Promise<BatchOutcome>
  /** How long a proposal may wait to be sent. */
  readonly timeoutMs: number
  /** The least that a paced batch waits, for tests that cannot be that quick. */
  readonly paceMs?: number
}

/** One call of `commit`. */
interface Call {
  readonly outcomes: Outcome[]
  missing: number
  readonly resolve: (outcomes: Outcome[]) => void
}

interface Item {
  readonly line: string
  readonly bytes: number
  /** Whether it asks to enter the room for the first time: then nothing that was swept can be meant. */
  readonly newcomer: boolean
  readonly leaves: boolean
  readonly call: Call
  /** Which of its call's. */
  readonly index: number
  /** When it has waited too long, by the monotonic clock; who leaves, or claims what he had, never has. */
  readonly deadline: number
}

const UNAVAILABLE: Outcome = { ok: false, reason: 'UNAVAILABLE' }
const FENCED: Outcome = { ok: false, reason: 'FENCED' }

/**
 * Brings proposals to Redis, one batch at a time: while one is under way the next gathers, so that order is kept, and the
 * busier it gets the larger the batches. Only what has not been sent can be refused for want of time: whatever got an error is
 * never delivered.
 */
export class CommitQueue {
  readonly #options: CommitQueueOptions
  readonly #pace: Pace
  #items: Item[] = []
  #itemsBytes = 0
  /** Those who leave, while Redis takes nothing else: they go alone, and first. */
  #exits: Item[] = []
  /** What has to wait a little, and is then tried again. */
  #parked: Item[] = []
  #parking: NodeJS.Timeout | undefined
  #sending = false
  #held = false
  #closed = false
  #timer: NodeJS.Timeout | undefined
  #pacing: NodeJS.Timeout | undefined
  #idle: (() => void)[] = []

  constructor(options: CommitQueueOptions) {
    this.#options = options
    this.#pace = new Pace(options.paceMs)
  }

  commit(proposals: readonly Proposal[]): Promise<Outcome[]> {
    if (this.#closed || proposals.length === 0) return Promise.resolve(proposals.map(() => UNAVAILABLE))
    const late = performance.now() + this.#options.timeoutMs
    return new Promise((resolve) => {
      const call = { outcomes: [], missing: proposals.length, resolve }
      for (const [index, proposal] of proposals.entries()) {
        const line = writeProposal(proposal)
        const bytes = Buffer.byteLength(line)
        const newcomer = proposal.kind === 'join' && proposal.order === undefined
        const claims = proposal.kind === 'join' && !newcomer
        // Who breaks off leaves, too, if he does not come back.
        const leaves = proposal.kind === 'leave' || proposal.kind === 'hold'
        const deadline = claims || leaves ? Number.POSITIVE_INFINITY : late
        this.#enqueue({ line, bytes, newcomer, leaves, call, index, deadline })
      }
      this.#pump()
    })
  }

  /** Sends nothing more until {@link release}. What is under way goes on. */
  hold(): void {
    this.#held = true
  }

  release(): void {
    this.#held = false
    this.#pump()
  }

  /** Refuses what has not been sent, and resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    clearTimeout(this.#pacing)
    clearTimeout(this.#parking)
    const waiting = [...this.#items.splice(0), ...this.#exits.splice(0), ...this.#parked.splice(0)]
    for (const item of waiting) settle(item, UNAVAILABLE)
    if (this.#sending) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  #enqueue(item: Item): void {
    this.#items.push(item)
    this.#itemsBytes += item.bytes
  }

  #pump(): void {
    if (this.#sending || this.#held || this.#items.length + this.#exits.length === 0) {
      this.#watch()
      return
    }
    const early = this.#isFull() ? 0 : this.#pace.waitMs(performance.now())
    if (early > 0) {
      this.#pacing ??= setTimeout(() => {
        this.#pacing = undefined
        this.#pump()
      }, early)
      return
    }
    this.#sending = true
    // Never rejects.
    void this.#send(this.#exits.length > 0)
    this.#watch()
  }

  async #send(makesRoom: boolean): Promise<void> {
    const items = this.#take(makesRoom ? this.#exits : this.#items)
    const outcome = await this.#options.send({ lines: items.map(({ line }) => line), makesRoom })
    for (const [index, item] of items.entries()) {
      const answer = answerTo(item, index, outcome)
      if (answer !== 'wait') settle(item, answer)
      else if (item.leaves && !makesRoom && !this.#closed) this.#exits.push(item)
      else this.#park(item)
    }
    // What was published comes in the same turn as the answer, and is told at its end: then it is known how long that took.
    if (this.#pace.paced && !this.#isFull()) await new Promise((resolve) => setImmediate(resolve))
    this.#pace.told(performance.now())
    this.#sending = false
    for (const resolve of this.#idle.splice(0)) resolve()
    this.#pump()
  }

  /** Whether as much waits as a batch may hold. */
  #isFull(): boolean {
    return this.#items.length >= BATCH_PROPOSALS || this.#itemsBytes > BATCH_BYTES
  }

  /** The next batch. */
  #take(from: Item[]): Item[] {
    let bytes = 0
    let count = 0
    for (const item of from) {
      bytes += item.bytes
      if (count === BATCH_PROPOSALS || (count > 0 && bytes > BATCH_BYTES)) break
      count += 1
    }
    this.#pace.sent(count, performance.now())
    const taken = from.splice(0, count)
    if (from === this.#items) this.#itemsBytes -= bytesOf(taken)
    return taken
  }

  #park(item: Item): void {
    if (this.#closed) {
      settle(item, UNAVAILABLE)
      return
    }
    this.#parked.push(item)
    if (this.#parked.length > 1) return
    this.#parking = setTimeout(() => {
      const deadline = performance.now() + this.#options.timeoutMs
      for (const parked of this.#parked.splice(0)) {
        if (parked.leaves) this.#exits.push(parked)
        else this.#enqueue({ ...parked, deadline: Math.max(deadline, parked.deadline) })
      }
      this.#pump()
    }, WAIT_MS)
  }

  /** Sees to it that what cannot be sent is refused in time. */
  #watch(): void {
    if (this.#timer !== undefined || this.#items.length === 0) return
    const soonest = this.#items.reduce(
      (least, { deadline }) => Math.min(least, deadline),
      Number.POSITIVE_INFINITY,
    )
    if (soonest === Number.POSITIVE_INFINITY) return
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        const now = performance.now()
        const late = this.#items.filter(({ deadline }) => deadline <= now)
        this.#items = this.#items.filter(({ deadline }) => deadline > now)
        this.#itemsBytes -= bytesOf(late)
        for (const item of late) settle(item, UNAVAILABLE)
        this.#watch()
      },
      Math.max(soonest - performance.now(), 1),
    )
  }
}

function bytesOf(items: readonly Item[]): number {
  return items.reduce((sum, { bytes }) => sum + bytes, 0)
}

/** A newcomer's node is about to come back under another identity: he waits for that. */
function answerTo({ newcomer, deadline }: Item, index: number, outcome: BatchOutcome): Answer {
  if (outcome === 'lapsed') return newcomer ? 'wait' : FENCED
  // Who leaves goes on trying, and makes room; who claims what he had goes on trying, too.
  if (outcome === 'refused') return deadline === Number.POSITIVE_INFINITY ? 'wait' : UNAVAILABLE
  return outcome?.[index] ?? UNAVAILABLE
}

function settle({ call, index }: Item, outcome: Outcome): void {
  call.outcomes[index] = outcome
  call.missing -= 1
  if (call.missing === 0) call.resolve(call.outcomes)
}
