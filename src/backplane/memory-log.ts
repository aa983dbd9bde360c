import type { Event, Position } from '../room/events.js'
import type { Slice } from './backplane.js'

/** How much of the log is kept: whichever is reached first. */
export interface LogLimits {
  readonly maxEvents: number
  readonly maxBytes?: number
}

/** What the log may take at most, however many events that is. */
const MAX_BYTES = 16 * 1024 * 1024

// What an event costs beside its frame, roughly (measured with joins and leaves).
const EVENT_BYTES = 1024

/** The latest events of one epoch, bounded in number and bytes. */
export class MemoryLog {
  readonly #epoch: string
  readonly #maxEvents: number
  readonly #maxBytes: number
  #events: (Event | undefined)[] = []
  /** Where the kept events begin in the array. */
  #first = 0
  #bytes = 0
  #head = 0

  constructor(epoch: string, { maxEvents, maxBytes = MAX_BYTES }: LogLimits) {
    this.#epoch = epoch
    this.#maxEvents = maxEvents
    this.#maxBytes = maxBytes
  }

  /** The position of the latest event. */
  get head(): Position {
    return { epoch: this.#epoch, offset: this.#head }
  }

  /** The position that the next event gets. */
  get next(): Position {
    return { epoch: this.#epoch, offset: this.#head + 1 }
  }

  append(event: Event): void {
    this.#head = event.position.offset
    this.#events.push(event)
    this.#bytes += cost(event)
    while (this.#events.length - this.#first > this.#maxEvents || this.#bytes > this.#maxBytes) {
      this.#bytes -= cost(this.#events[this.#first])
      this.#events[this.#first] = undefined
      this.#first += 1
    }
    if (this.#first * 2 <= this.#events.length) return
    this.#events = this.#events.slice(this.#first)
    this.#first = 0
  }

  /** Events after a position; `lost` when it is of another epoch, lies ahead, or what followed it is no longer kept. */
  read(after: Position, limit: number): Slice {
    const kept = this.#events.length - this.#first
    const behind = this.#head - after.offset
    if (after.epoch !== this.#epoch || behind < 0 || behind > kept) return 'lost'
    const start = this.#events.length - behind
    const events = this.#events.slice(start, start + limit).filter((event) => event !== undefined)
    return { events, head: this.head }
  }
}

function cost(event: Event | undefined): number {
  if (event === undefined) return 0
  return EVENT_BYTES + ('frame' in event ? event.frame.length : 0)
}
