import type { PrivateMessage, Sink, Snapshot } from '../backplane/backplane.js'
import { difference } from '../room/difference.js'
import { Directory } from '../room/directory.js'
import type {
  Erased,
  Event,
  Held,
  Joined,
  Left,
  Position,
  Presence,
  Removed,
  Said,
  StatusChanged,
} from '../room/events.js'
import { Slices } from './slices.js'

/** Those who are shown what happened, each time after the directory has taken it in. */
export interface Audience {
  now(): number
  /** @param before who had the name until now: whoever takes it over is of the same account */
  joined(event: Joined, before: Presence | undefined): void
  held(event: Held): void
  left(event: Left): void
  removed(event: Removed): void
  banned(): void
  statusChanged(event: StatusChanged): void
  said(event: Said): void
  erased(event: Erased): void
  privately(message: PrivateMessage): void
  /** The log could not be followed: what comes next are differences, and not all that happened. */
  resetting(): void
  /** The room and the live sessions may differ now: commit the difference. */
  reconcile(): void
  /** Everything up to the directory's position has been applied. */
  advanced(): void
  /** The log went on in another epoch. */
  epochLeft(epoch: string): void
}

/** `starting` and `cut-off`: the backplane cannot be reached, yet or at the moment. */
export type ReaderState = 'starting' | 'up' | 'cut-off'

type Item =
  | Event
  | PrivateMessage
  | { readonly kind: 'epoch'; readonly position: Position }
  | { readonly kind: 'reset'; readonly snapshot: Snapshot }
  | { readonly kind: 'late'; readonly said: Said }
  | { readonly kind: 'reconcile' }

/** Reads the room's log: what the backplane tells is applied in its order, and nothing else ever changes the directory. */
export class Reader implements Sink {
  readonly #audience: Audience
  readonly #slices: Slices<Item>
  #directory = new Directory({ position: { epoch: '', offset: 0 }, users: [], bans: [] })
  #state: ReaderState = 'starting'
  /** What came before {@link begin}. */
  #early: Item[] = []

  /** @param pendingBytes how much of what was applied waits to be written */
  constructor(audience: Audience, pendingBytes: () => number) {
    this.#audience = audience
    this.#slices = new Slices(
      (item) => this.#apply(item),
      pendingBytes,
      () => audience.advanced(),
    )
  }

  get directory(): Directory {
    return this.#directory
  }

  get state(): ReaderState {
    return this.#state
  }

  /** Begins with a snapshot: what follows comes after it. */
  begin(snapshot: Snapshot): void {
    this.#directory = new Directory(snapshot)
    this.#state = 'up'
    this.#push(this.#early.splice(0))
  }

  events(events: readonly Event[]): void {
    this.#push(events)
  }

  private(messages: readonly PrivateMessage[]): void {
    this.#push(messages)
  }

  epoch(position: Position): void {
    this.#push([{ kind: 'epoch', position }])
  }

  reset(snapshot: Snapshot, missed: readonly (Said | PrivateMessage)[] = []): void {
    // Said late, it is not applied: the directory is further on.
    const late = missed.map((one) => (one.kind === 'said' ? ({ kind: 'late', said: one } as const) : one))
    this.#push([{ kind: 'reset', snapshot }, ...late, { kind: 'reconcile' }])
  }

  lapsed(): void {
    this.#push([{ kind: 'reconcile' }])
  }

  health(up: boolean): void {
    if (this.#state === 'starting') return
    this.#state = up ? 'up' : 'cut-off'
    if (up) this.#push([{ kind: 'reconcile' }])
  }

  #push(items: readonly Item[]): void {
    if (this.#state === 'starting') this.#early = this.#early.concat(items)
    else this.#slices.push(items)
  }

  #apply(item: Item): void {
    switch (item.kind) {
      case 'private':
        this.#audience.privately(item)
        break
      case 'reconcile':
        this.#audience.reconcile()
        break
      case 'epoch':
        this.#moveTo(item.position)
        break
      case 'reset':
        this.#reset(item.snapshot)
        break
      case 'late':
        this.#audience.said(item.said)
        break
      default:
        this.#take(item)
        break
    }
  }

  #take(event: Event): void {
    const before = event.kind === 'joined' ? this.#directory.get(event.presence.key) : undefined
    this.#directory.apply(event)
    switch (event.kind) {
      case 'joined':
        this.#audience.joined(event, before)
        break
      case 'held':
        this.#audience.held(event)
        break
      case 'left':
        this.#audience.left(event)
        break
      case 'removed':
        this.#audience.removed(event)
        break
      case 'banned':
        this.#audience.banned()
        break
      case 'unbanned':
        break
      case 'status':
        this.#audience.statusChanged(event)
        break
      case 'said':
        this.#audience.said(event)
        break
      case 'erased':
        this.#audience.erased(event)
        break
    }
  }

  #reset(snapshot: Snapshot): void {
    const { epoch } = this.#directory.position
    this.#audience.resetting()
    for (const event of difference(this.#directory, snapshot, this.#audience.now())) this.#take(event)
    this.#moveTo(snapshot.position, epoch)
  }

  /** @param from the epoch before, which what was applied since may have left already */
  #moveTo(position: Position, from = this.#directory.position.epoch): void {
    this.#directory.moveTo(position)
    if (from !== position.epoch) this.#audience.epochLeft(from)
  }
}
