import type { Backplane, Outcome, Sink, Snapshot } from '../../src/backplane/backplane.js'
import { MemoryBackplane, MemoryRoom } from '../../src/backplane/memory.js'
import type { NameKey } from '../../src/protocol/names.js'
import type { Presence, Proposal, Said } from '../../src/room/events.js'

export const newRoom = () => new MemoryRoom({ maxEvents: 10_000 })

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/**
 * A node's part in a room that is as far away as one behind a network: what the port allows to happen, happens when the test
 * says so.
 */
export class DistantBackplane extends MemoryBackplane {
  /** Whether events reach the node before the outcomes of their commits (else after). */
  eventsFirst = true
  /** Whether the room can be reached. */
  reachable = true
  /** What a look-up waits for before it is answered. */
  beforeFind: () => Promise<void> = turn
  finds = 0
  sink: Sink | undefined
  #queue: (() => void)[] = []
  #withheld = false

  override async start(...[info, sink]: Parameters<Backplane['start']>): Promise<Snapshot> {
    this.sink = sink
    const late = (tell: () => void) => {
      this.#queue.push(tell)
      if (!this.#withheld) this.release()
    }
    return super.start(info, {
      events: (events) => late(() => sink.events(events)),
      private: (messages) => late(() => sink.private(messages)),
      epoch: (position) => late(() => sink.epoch(position)),
      reset: (snapshot) => late(() => sink.reset(snapshot)),
      lapsed: () => late(() => sink.lapsed()),
      health: (up) => late(() => sink.health(up)),
    })
  }

  /** Keeps what happens from the node until {@link release}. */
  withhold(): void {
    this.#withheld = true
  }

  release(): void {
    this.#withheld = false
    for (const tell of this.#queue.splice(0)) tell()
  }

  /** What happened while it was withheld is lost to the node. */
  lose(): void {
    this.#queue = []
    this.#withheld = false
  }

  override async commit(proposals: readonly Proposal[]): Promise<Outcome[]> {
    if (!this.reachable) {
      await turn()
      return proposals.map(() => ({ ok: false, reason: 'UNAVAILABLE' }))
    }
    if (this.eventsFirst) {
      const outcomes = await super.commit(proposals)
      await turn()
      return outcomes
    }
    this.withhold()
    const outcomes = super.commit(proposals)
    setImmediate(() => setImmediate(() => this.release()))
    return outcomes
  }

  override async find(key: NameKey): Promise<Presence | undefined> {
    this.finds += 1
    await this.beforeFind()
    if (!this.reachable) throw new Error('the room cannot be reached')
    return super.find(key)
  }
  override async history(...asked: Parameters<Backplane['history']>): Promise<Said[]> {
    if (!this.reachable) throw new Error('the room cannot be reached')
    return super.history(...asked)
  }
}
