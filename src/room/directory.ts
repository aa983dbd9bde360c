/** Who is present, as this node has applied it: a fold of events. */
import type { Status } from '../protocol/frames.js'
import type { NameKey } from '../protocol/names.js'
import { Bans } from './bans.js'
import type { Ban, Event, Position, Presence } from './events.js'
import { type Entry, JoinOrder } from './join-order.js'
import { JsonList } from './json-list.js'

/** Everyone present at one position of the log, in the order of joining, and who must stay outside. */
export interface Snapshot {
  readonly position: Position
  readonly users: readonly Presence[]
  readonly bans: readonly Ban[]
}

/** A part of the directory, and where the next one begins. */
export interface Page {
  readonly users: Presence[]
  /** How many there are in all. */
  readonly total: number
  /** The `order` to go on after, or undefined at the end. */
  readonly next: number | undefined
}

/** Which part of the directory: at most `limit` users who joined after `after`, of one status if it is given. */
export interface PageQuery {
  readonly after: number
  readonly limit: number
  readonly status?: Status | undefined
}

export class Directory {
  readonly bans: Bans
  #position: Position
  readonly #entries = new Map<NameKey, Entry>()
  readonly #order = new JoinOrder()
  readonly #counts: Record<Status, number> = { ACTIVO: 0, OCUPADO: 0, INACTIVO: 0 }
  /** The names in the order of joining; undefined when the next who asks must have them written anew. */
  #names: JsonList | undefined
  /** The same with everyone's status. */
  #states: JsonList | undefined
  #lastOrder = -Infinity

  constructor(snapshot: Snapshot) {
    this.#position = snapshot.position
    this.bans = new Bans(snapshot.bans)
    for (const presence of snapshot.users) this.#add(presence)
  }

  /** The position of the last event applied. */
  get position(): Position {
    return this.#position
  }

  /** How many are present. */
  get size(): number {
    return this.#entries.size
  }

  /** Who has this name. */
  get(key: NameKey): Presence | undefined {
    return this.#entries.get(key)?.presence
  }

  /** Everyone, in the order of joining. */
  users(): Iterable<Presence> {
    return this.#order.after(-Infinity)
  }

  /** Everyone's name as the elements of a JSON array (UTF-8), in the order of joining. Written once, however many ask. */
  get userList(): Uint8Array {
    this.#names ??= new JsonList(Array.from(this.users(), ({ name }) => name))
    return this.#names.bytes
  }

  /** Everyone's name and status as the elements of a JSON array (UTF-8), in the order of joining: `{"name","status"}`. */
  get stateList(): Uint8Array {
    this.#states ??= new JsonList(Array.from(this.users(), stateOf))
    return this.#states.bytes
  }

  /** A page of those present, in the order of joining. */
  page({ after, limit, status }: PageQuery): Page {
    const users: Presence[] = []
    const total = status === undefined ? this.size : this.#counts[status]
    for (const presence of this.#order.after(after)) {
      if (status !== undefined && presence.status !== status) continue
      if (users.length === limit) return { users, total, next: users.at(-1)?.order }
      users.push(presence)
    }
    return { users, total, next: undefined }
  }

  /** Takes in the next event of the log. Events come in order, without gaps: that is the backplane's promise. */
  apply(event: Event): void {
    this.#position = event.position
    switch (event.kind) {
      case 'joined':
        this.#add(event.presence)
        break
      case 'left':
      case 'removed':
        this.#remove(event.key)
        break
      case 'held':
        this.#hold(event.key)
        break
      case 'status':
        this.#setStatus(event.key, event.status)
        break
      case 'banned':
        this.bans.add(event.ban)
        break
      case 'unbanned':
        this.bans.lift(event.id)
        break
      case 'said':
      case 'erased':
        break
    }
  }

  /** Takes the position of a snapshot whose differences have been applied. */
  moveTo(position: Position): void {
    this.#position = position
  }

  #hold(key: NameKey): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined) entry.presence = { ...entry.presence, node: '', held: true }
  }

  #setStatus(key: NameKey, status: Status): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#count(entry.presence.status, -1)
    entry.presence = { ...entry.presence, status }
    this.#count(status, 1)
    this.#states = undefined
  }

  #add(presence: Presence): void {
    this.#remove(presence.key)
    const entry = { presence, gone: false }
    this.#entries.set(presence.key, entry)
    this.#order.add(entry)
    this.#count(presence.status, 1)
    // The newest goes to the end of the list, which need not be written anew for it: a storm of joins stays cheap.
    if (presence.order >= this.#lastOrder) {
      this.#names?.append(presence.name)
      this.#states?.append(stateOf(presence))
    } else {
      this.#forgetLists()
    }
    this.#lastOrder = Math.max(this.#lastOrder, presence.order)
  }

  #remove(key: NameKey): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#order.remove(entry)
    this.#count(entry.presence.status, -1)
    this.#forgetLists()
  }

  #forgetLists(): void {
    this.#names = undefined
    this.#states = undefined
  }

  #count(status: Status, by: number): void {
    this.#counts[status] += by
  }
}

function stateOf({ name, status }: Presence): { name: string; status: Status } {
  return { name, status }
}
