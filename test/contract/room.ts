import assert from 'node:assert/strict'
import type { Backplane, Outcome, Snapshot } from '../../src/backplane/backplane.js'
import type { Store } from '../../src/backplane/store.js'
import { Directory } from '../../src/room/directory.js'
import type { Event, Join, Position, Presence, Proposal } from '../../src/room/events.js'
import type { Harness, NodeParts, RoomOptions, Subject } from './harness.js'
import { type ExtendedPerson, join, newSecret, type Person, person, resume } from './people.js'
import { RecordingSink } from './recording-sink.js'

export const STARTED_AT = 1_700_000_000_000

/** A node of the room under test, and what it was told. */
export class TestNode {
  readonly backplane: Backplane
  readonly store: Store
  readonly sink = new RecordingSink()
  readonly label: string
  #snapshot: Snapshot | undefined

  constructor({ backplane, store }: NodeParts, label: string) {
    this.backplane = backplane
    this.store = store
    this.label = label
  }

  get id(): string {
    return this.backplane.id
  }

  /** The room as it was when the node began. */
  get snapshot(): Snapshot {
    if (this.#snapshot === undefined) throw new Error(`node ${this.label} has not started`)
    return this.#snapshot
  }

  /** The events that it was told. */
  get log(): Event[] {
    return this.sink.log
  }

  async start(): Promise<void> {
    const info = { label: this.label, startedAt: STARTED_AT }
    this.#snapshot = await this.backplane.start(info, this.sink)
  }

  /** Commits in one call. */
  commit(...proposals: Proposal[]): Promise<Outcome[]> {
    return this.backplane.commit(proposals)
  }

  /** Commits in one call what must all pass, and returns where it is. */
  async done(...proposals: Proposal[]): Promise<Position[]> {
    return positions(await this.commit(...proposals))
  }

  /** Has somebody new enter. */
  async enter(name: string, more: Partial<Join> = {}): Promise<Person> {
    const someone = person(name)
    await this.done(join(someone, more))
    return someone
  }

  /** The same, with extensions. */
  async enterExtended(name: string, more: Partial<Join> = {}): Promise<ExtendedPerson> {
    const secret = newSecret()
    return { ...(await this.enter(name, { secretHash: secret, ...more })), secret }
  }

  /** Takes up somebody's session with another connection, of this node. */
  async takeUp({ name, secret }: ExtendedPerson): Promise<ExtendedPerson> {
    const again = person(name)
    await this.done(resume(again, secret))
    return { ...again, secret }
  }

  /** What the room knows of somebody present. */
  async presenceOf({ key, name }: Person): Promise<Presence> {
    const presence = await this.backplane.find(key)
    assert.ok(presence !== undefined, `${name} is not present`)
    return presence
  }

  /** The room as it is now, with all that this node was told until then. */
  async catchUp(): Promise<Snapshot> {
    const snapshot = await this.backplane.snapshot()
    if (snapshot.position.offset > this.snapshot.position.offset) await this.sink.reach(snapshot.position)
    return snapshot
  }

  /** Who is present, by what this node was told. */
  present(): Presence[] {
    const directory = new Directory(this.snapshot)
    for (const event of this.log) directory.apply(event)
    return [...directory.users()]
  }

  faults(): string[] {
    if (this.#snapshot === undefined) return []
    return this.sink.faults(this.#snapshot.position).map((fault) => `node ${this.label}: ${fault}`)
  }
}

/** A room under test. */
export class TestRoom {
  readonly #harness: Harness
  readonly #nodes: TestNode[] = []

  private constructor(harness: Harness) {
    this.#harness = harness
  }

  static async open(subject: Subject, options: RoomOptions): Promise<TestRoom> {
    return new TestRoom(await subject.open(options))
  }

  /** Another node, not started. */
  async connect(): Promise<TestNode> {
    const node = new TestNode(await this.#harness.connect(), `node-${this.#nodes.length}`)
    this.#nodes.push(node)
    return node
  }

  /** Another node, started. */
  async node(): Promise<TestNode> {
    const node = await this.connect()
    await node.start()
    return node
  }

  async two(): Promise<[TestNode, TestNode]> {
    return [await this.node(), await this.node()]
  }

  async three(): Promise<[TestNode, TestNode, TestNode]> {
    return [await this.node(), await this.node(), await this.node()]
  }

  sweep({ id }: TestNode): Promise<void> {
    return this.#harness.sweep(id)
  }

  /** What nodes were told and should not have been. */
  faults(): string[] {
    return this.#nodes.flatMap((node) => node.faults())
  }

  close(): Promise<void> {
    return this.#harness.close()
  }
}

/** Where outcomes are that must all have passed. */
export function positions(outcomes: readonly Outcome[]): Position[] {
  return outcomes.map((outcome) => {
    if (outcome.ok) return outcome.position
    return assert.fail(`refused: ${JSON.stringify(outcomes)}`)
  })
}

/** Outcomes in short: `ok`, or why not. */
export function verdicts(outcomes: readonly Outcome[]): string[] {
  return outcomes.map((outcome) => (outcome.ok ? 'ok' : outcome.reason))
}

/** The last of some that there must be. */
export function last<T>(items: readonly T[]): T {
  const item = items.at(-1)
  assert.ok(item !== undefined, 'there is none')
  return item
}
