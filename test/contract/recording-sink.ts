import type { PrivateMessage, Sink, Snapshot } from '../../src/backplane/backplane.js'
import type { Event, Position, Said } from '../../src/room/events.js'

const { TEST_DEADLINE_MS } = process.env

/** How long a test waits for what must come before it fails. */
const DEADLINE_MS = Number(TEST_DEADLINE_MS ?? 10_000)

/** What a node was told. */
export type Told =
  | Event
  | PrivateMessage
  | { readonly kind: 'epoch'; readonly position: Position }
  | { readonly kind: 'reset'; readonly snapshot: Snapshot }
  | { readonly kind: 'lapsed' }

/** Keeps what a node is told, in order. */
export class RecordingSink implements Sink {
  readonly told: Told[] = []
  /** Whether it was in touch with the others, each time that this changed. */
  readonly healths: boolean[] = []
  /** Called for each thing once it is kept: for what a node does from within. */
  react: (told: Told) => void = () => {}
  readonly #looks = new Set<() => void>()

  events(events: readonly Event[]): void {
    this.#keep(events)
  }

  private(messages: readonly PrivateMessage[]): void {
    this.#keep(messages)
  }

  epoch(position: Position): void {
    this.#keep([{ kind: 'epoch', position }])
  }

  reset(snapshot: Snapshot, missed: readonly (Said | PrivateMessage)[] = []): void {
    this.#keep([{ kind: 'reset', snapshot }, ...missed])
  }

  lapsed(): void {
    this.#keep([{ kind: 'lapsed' }])
  }

  health(up: boolean): void {
    this.healths.push(up)
  }

  get log(): Event[] {
    return this.told.filter(isEvent)
  }

  get messages(): PrivateMessage[] {
    return this.told.filter((told) => told.kind === 'private')
  }

  /** Waits until it was told what `probe` looks for; rejects after a deadline. */
  until(what: string, probe: (told: readonly Told[]) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!probe(this.told)) return
        end()
        resolve()
      }
      const fail = () => {
        end()
        reject(new Error(`not within ${DEADLINE_MS} ms: ${what}; told: ${this.told.map(brief).join(' ')}`))
      }
      const timer = setTimeout(fail, DEADLINE_MS)
      const end = () => {
        clearTimeout(timer)
        this.#looks.delete(look)
      }
      this.#looks.add(look)
      look()
    })
  }

  /** Waits until it was told everything up to a position. */
  reach({ epoch, offset }: Position): Promise<void> {
    const reached = (told: Told) => {
      const at = positionOf(told)
      return at?.epoch === epoch && at.offset >= offset
    }
    return this.until(`everything up to ${epoch}-${offset}`, (told) => told.some(reached))
  }

  /** What it should not have been told: gaps and repeats behind where it began. */
  faults(began: Position): string[] {
    const faults: string[] = []
    let last = began
    for (const told of this.told) {
      const position = positionOf(told)
      if (position === undefined) continue
      const follows = position.epoch === last.epoch && position.offset === last.offset + 1
      if (told.kind === 'reset' || !follows) faults.push(`${brief(told)} after ${last.epoch}-${last.offset}`)
      last = position
    }
    return faults
  }

  #keep(all: readonly Told[]): void {
    this.told.push(...all)
    for (const told of all) this.react(told)
    for (const look of [...this.#looks]) look()
  }
}

const NO_EVENTS: ReadonlySet<Told['kind']> = new Set(['private', 'epoch', 'reset', 'lapsed'] as const)

export function isEvent(told: Told): told is Event {
  return !NO_EVENTS.has(told.kind)
}

function positionOf(told: Told): Position | undefined {
  if (told.kind === 'reset') return told.snapshot.position
  if (told.kind === 'epoch') return undefined
  return isEvent(told) ? told.position : undefined
}

function brief(told: Told): string {
  const position = positionOf(told)
  return position === undefined ? told.kind : `${told.kind}@${position.epoch}-${position.offset}`
}
