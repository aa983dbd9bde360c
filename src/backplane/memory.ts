/** The backplane of one process: the same contract as any other, and nothing to install. */
import { randomBytes } from 'node:crypto'
import { encode } from '../protocol/codec.js'
import type { NameKey } from '../protocol/names.js'
import { ACCOUNTS, readAccount } from '../room/accounts.js'
import { MAX_BANS } from '../room/bans.js'
import { Directory } from '../room/directory.js'
import type { Event, Position, Presence, Proposal, Said, SendPrivate } from '../room/events.js'
import { eventOf, judge, type RoomState } from '../room/rules.js'
import type {
  Backplane,
  Inbox,
  InboxQuery,
  NodeInfo,
  NodeStatus,
  Outcome,
  PrivateMessage,
  Sink,
  Slice,
  Snapshot,
} from './backplane.js'
import { MemoryHistory } from './memory-history.js'
import { type LogLimits, MemoryLog } from './memory-log.js'
import { MemorySessions } from './memory-sessions.js'
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

const RESUME_GRACE_MS = 30_000

const HISTORY_LENGTH = 10_000

export interface MemoryRoomOptions extends LogLimits {
  /** For how long an account is kept whose owner is not there; without it, 90 days. */
  readonly accountTtlMs?: number
  /** For how long an extended session is held whose connection broke; without it, half a minute. */
  readonly resumeGraceMs?: number
  /** How many broadcasts the history keeps; without it, 10,000. */
  readonly historyLength?: number
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
  readonly #history: MemoryHistory
  readonly #sessions = new MemorySessions()
  readonly #graceMs: number
  /** Set while sessions are held. */
  #expiry: NodeJS.Timeout | undefined
  readonly #members = new Map<string, Member>()
  /** What is still to be told, in order. */
  readonly #telling: (() => void)[] = []

  constructor({
    accountTtlMs = ACCOUNT_TTL_MS,
    resumeGraceMs = RESUME_GRACE_MS,
    historyLength = HISTORY_LENGTH,
    now = Date.now,
    ...limits
  }: MemoryRoomOptions) {
    this.#accountTtlMs = accountTtlMs
    this.#graceMs = resumeGraceMs
    this.#now = now
    this.#history = new MemoryHistory(historyLength)
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
      secretOf: (key) => this.#sessions.secretOf(key),
      knows: (secret) => this.#sessions.knows(secret),
      isInboxFull: (key, bytes) => this.#sessions.isFull(key, bytes),
      hasMessage: (position) => this.#history.has(position),
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

  inbox({ secretHash, after }: InboxQuery): Inbox {
    return this.#sessions.inbox(secretHash, after)
  }

  history(before: Position | undefined, limit: number): Said[] {
    return this.#history.latest(before, limit)
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
      if (reason === 'FENCED') return { ok: false, reason }
      const ref = 'ref' in proposal ? proposal.ref : undefined
      const done = 'key' in proposal ? this.#sessions.outcomeOf(proposal.key, ref) : undefined
      if (done !== undefined) return done
      if (reason !== undefined) {
        // It was so already, and so it is done: sent again, it would change what came since.
        if (reason === 'UNCHANGED') this.#remember(proposal, { ok: true, position: this.#log.head })
        return { ok: false, reason }
      }
      const waits = proposal.kind === 'private' && this.#directory.get(proposal.target)?.held
      batch.push(proposal.kind === 'private' ? this.#route(proposal) : this.#append(proposal, node))
      const outcome = { ok: true, position: this.#log.head, ...(waits && { waits }) } as const
      this.#remember(proposal, outcome)
      return outcome
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
    const events = users.map((user) =>
      user.extended && this.#graceMs > 0
        ? this.#append({ kind: 'hold', key: user.key, session: user.session }, node)
        : this.#showOut(user, now),
    )
    const told = [...this.#members]
    this.#members.delete(node)
    this.#tell(() => deliver(events, told))
    if (member) this.#tell(() => member.swept())
  }

  #remember(proposal: Proposal, outcome: Outcome & { ok: true }): void {
    if ('ref' in proposal && proposal.ref !== undefined)
      this.#sessions.remember(proposal.key, proposal.ref, outcome)
  }

  #append(proposal: Parameters<typeof eventOf>[0], node: string): Event {
    const owner = 'key' in proposal ? this.#directory.get(proposal.key) : undefined
    const event = eventOf(proposal, this.#log.next, node, owner)
    this.#log.append(event)
    this.#directory.apply(event)
    this.#keepAccount(proposal, owner)
    this.#keepSession(proposal)
    if (event.kind === 'said') this.#history.add(event)
    if (event.kind === 'erased') this.#history.erase(event.message)
    return event
  }

  #showOut({ key, session, name, node }: Presence, now: number): Event {
    return this.#append({ kind: 'leave', key, session, frame: encode.userDisconnected(name, now) }, node)
  }

  #keepSession(proposal: Proposal): void {
    switch (proposal.kind) {
      case 'join':
        this.#sessions.enter(proposal.key, proposal.secretHash)
        break
      case 'hold':
        this.#sessions.hold(proposal.key, this.#now() + this.#graceMs)
        this.#expiry ??= setTimeout(() => this.#expire(), this.#graceMs).unref()
        break
      case 'leave':
      case 'remove':
        this.#sessions.end(proposal.key)
        break
      default:
    }
  }

  /** Shows out those who have been held for long enough, and looks again when it is time for the next of them. */
  #expire(): void {
    this.#expiry = undefined
    const now = this.#now()
    const { keys, next } = this.#sessions.due(now)
    const users = keys.map((key) => this.#directory.get(key)).filter((user) => user !== undefined)
    const events = users.map((user) => this.#showOut(user, now))
    const told = [...this.#members]
    if (events.length > 0) this.#tell(() => deliver(events, told))
    if (next !== undefined) this.#expiry = setTimeout(() => this.#expire(), next - now).unref()
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

  #route({ target, frame: text }: SendPrivate): Routed {
    const { node, session } = this.#directory.get(target) ?? { node: '', session: '' }
    const frame = Buffer.from(text)
    const seq = this.#sessions.deliver(target, this.#log.head, frame)
    const message = { kind: 'private', session, frame, ...(seq !== undefined && { seq }) } as const
    return { kind: 'routed', node, message }
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

  async inboxes(queries: readonly InboxQuery[]): Promise<Inbox[]> {
    return queries.map((query) => this.#room.inbox(query))
  }

  async history(before: Position | undefined, limit: number): Promise<Said[]> {
    return this.#room.history(before, limit)
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
