/** The backplane of one process: the same contract as any other, and nothing to install. */
import { randomBytes } from 'node:crypto'
import { encode } from '../protocol/codec.js'
import type { NameKey } from '../protocol/names.js'
import { ACCOUNTS, readAccount } from '../room/accounts.js'
import { MAX_BANS } from '../room/bans.js'
import { Directory } from '../room/directory.js'
import type { Event, Position, Presence, Proposal } from '../room/events.js'
import { eventOf, judge, type RoomState } from '../room/rules.js'
import type {
  Backplane,
  NodeInfo,
  NodeStatus,
  Outcome,
  PrivateMessage,
  Sink,
  Slice,
  Snapshot,
} from './backplane.js'
import { type LogLimits, MemoryLog } from './memory-log.js'
import { MemoryStore } from './memory-store.js'

interface Member {
  readonly info: NodeInfo
  readonly sink: Sink
  /** Called once its claim to be alive has ended. */
  swept(): void
}

/** A private message on its way to a node. */
interface Routed {
  readonly kind: 'routed'
  readonly node: string
  readonly message: PrivateMessage
}

type Batch = readonly (Event | Routed)[]

const ACCOUNT_TTL_MS = 90 * 86_400_000

export interface MemoryRoomOptions extends LogLimits {
  /** For how long an account is kept whose owner is not there; without it, 90 days. */
  readonly accountTtlMs?: number
  /** The clock: milliseconds since 1970. */
  readonly now?: () => number
}

/** What the nodes of one process share: each has a {@link MemoryBackplane} on it. */
export class MemoryRoom {
  readonly store: MemoryStore
  readonly #accountTtlMs: number
  readonly #now: () => number
  readonly #state: RoomState
  readonly #log: MemoryLog
  readonly #directory: Directory
  readonly #members = new Map<string, Member>()
  /** What is still to be told, in order. */
  readonly #telling: (() => void)[] = []

  constructor({ accountTtlMs = ACCOUNT_TTL_MS, now = Date.now, ...limits }: MemoryRoomOptions) {
    this.#accountTtlMs = accountTtlMs
    this.#now = now
    this.store = new MemoryStore(now)
    this.#log = new MemoryLog(randomId(), limits)
    const directory = new Directory({ position: this.#log.head, users: [], bans: [] })
    this.#directory = directory
    this.#state = {
      get: (key) => directory.get(key),
      accountOf: (key) => this.#accountOf(key),
      hasBan: (id) => directory.bans.has(id, now()),
      get full() {
        return directory.bans.count(now()) >= MAX_BANS
      },
    }
  }

  enter(node: string, member: Member): void {
    this.#members.set(node, member)
  }

  forget(node: string): void {
    this.#members.delete(node)
  }

  snapshot(): Snapshot {
    const { bans } = this.#directory
    return { position: this.#log.head, users: [...this.#directory.users()], bans: bans.all(this.#now()) }
  }

  find(key: NameKey): Presence | undefined {
    return this.#directory.get(key)
  }

  read(after: Position, limit: number): Slice {
    return this.#log.read(after, limit)
  }

  nodes(): NodeStatus[] {
    const sessions = new Map<string, number>()
    for (const { node } of this.#directory.users()) sessions.set(node, (sessions.get(node) ?? 0) + 1)
    return Array.from(this.#members, ([id, { info }]) => {
      return { ...info, id, sessions: sessions.get(id) ?? 0, leaseMs: null }
    })
  }

  commit(node: string, proposals: readonly Proposal[]): Outcome[] {
    if (!this.#members.has(node)) return proposals.map(() => ({ ok: false, reason: 'FENCED' }))
    const batch: (Event | Routed)[] = []
    const outcomes = proposals.map((proposal): Outcome => {
      const reason = judge(proposal, node, this.#state)
      if (reason !== undefined) return { ok: false, reason }
      batch.push(proposal.kind === 'private' ? this.#route(proposal) : this.#append(proposal, node))
      return { ok: true, position: this.#log.head }
    })
    const members = [...this.#members]
    this.#tell(() => deliver(batch, members))
    return outcomes
  }

  /**
   * Ends a node's claim to be alive: nothing is accepted from it any more, its users leave, and it is told if it still listens.
   * @param now milliseconds since 1970
   */
  sweep(node: string, now: number): void {
    const member = this.#members.get(node)
    const users = [...this.#directory.users()].filter((presence) => presence.node === node)
    const events = users.map(({ key, session, name }) => {
      const frame = encode.userDisconnected(name, now)
      return this.#append({ kind: 'leave', key, session, frame }, node)
    })
    const told = [...this.#members]
    this.#members.delete(node)
    this.#tell(() => deliver(events, told))
    if (member) this.#tell(() => member.swept())
  }

  #append(proposal: Parameters<typeof eventOf>[0], node: string): Event {
    const owner = 'key' in proposal ? this.#directory.get(proposal.key) : undefined
    const event = eventOf(proposal, this.#log.next, node, owner)
    this.#log.append(event)
    this.#directory.apply(event)
    this.#keepAccount(proposal, owner)
    return event
  }

  /** An account is kept while its owner is there, and for a while behind that. */
  #keepAccount(proposal: Proposal, owner: Presence | undefined): void {
    if (proposal.kind === 'join') {
      const { key, account, claim } = proposal
      if (claim !== undefined) this.store.set(ACCOUNTS, key, claim)
      else if (account !== undefined) this.store.expire(ACCOUNTS, key, undefined)
    } else if ((proposal.kind === 'leave' || proposal.kind === 'remove') && owner?.account !== undefined) {
      if (this.#accountOf(owner.key) === owner.account)
        this.store.expire(ACCOUNTS, owner.key, this.#accountTtlMs)
    }
  }

  #accountOf(key: NameKey): string | undefined {
    const kept = this.store.peek(ACCOUNTS, key)
    return kept === undefined ? undefined : readAccount(kept).id
  }

  #route({ target, frame }: Extract<Proposal, { kind: 'private' }>): Routed {
    const { node, session } = this.#directory.get(target) ?? { node: '', session: '' }
    return { kind: 'routed', node, message: { kind: 'private', session, frame: Buffer.from(frame) } }
  }

  /** What a node commits while it is being told something is told behind it, to all: everyone has the same order. */
  #tell(say: () => void): void {
    if (this.#telling.push(say) > 1) return
    for (let next = this.#telling[0]; next; next = this.#telling[0]) {
      next()
      this.#telling.shift()
    }
  }
}

/** Tells nodes what concerns them, in order: runs of events in one call, private messages between them. */
function deliver(batch: Batch, members: readonly (readonly [string, Member])[]): void {
  for (const [node, { sink }] of members) {
    let run: Event[] = []
    const flush = () => {
      if (run.length > 0) sink.events(run)
      run = []
    }
    for (const item of batch) {
      if (item.kind !== 'routed') {
        run.push(item)
      } else if (item.node === node) {
        flush()
        sink.private([item.message])
      }
    }
    flush()
  }
}

/** One node's part in a {@link MemoryRoom}. */
export class MemoryBackplane implements Backplane {
  readonly #room: MemoryRoom
  #id = ''

  constructor(room: MemoryRoom) {
    this.#room = room
  }

  get id(): string {
    return this.#id
  }

  async start(info: NodeInfo, sink: Sink): Promise<Snapshot> {
    const enter = () => {
      this.#id = `${info.label}-${randomId()}`
      this.#room.enter(this.#id, { info, sink, swept })
    }
    const swept = () => {
      enter()
      sink.lapsed()
    }
    enter()
    return this.#room.snapshot()
  }

  async commit(proposals: readonly Proposal[]): Promise<Outcome[]> {
    if (this.#id === '') return proposals.map(() => ({ ok: false, reason: 'UNAVAILABLE' }))
    return this.#room.commit(this.#id, proposals)
  }

  async read(after: Position, limit: number): Promise<Slice> {
    return this.#room.read(after, limit)
  }

  async snapshot(): Promise<Snapshot> {
    return this.#room.snapshot()
  }

  async find(key: NameKey): Promise<Presence | undefined> {
    return this.#room.find(key)
  }

  async nodes(): Promise<NodeStatus[]> {
    return this.#room.nodes()
  }

  async close(): Promise<void> {
    this.#room.forget(this.#id)
    this.#room.sweep(this.#id, Date.now())
    this.#id = ''
  }
}

function randomId(): string {
  return randomBytes(8).toString('hex')
}
