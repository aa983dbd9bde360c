/** One node: gives the room's events to its sessions, and brings its sessions' frames to the room. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Backplane, NodeStatus, Outcome, PrivateMessage } from '../backplane/backplane.js'
import { createDecoder, type Decode, encode, framed, type ListFrame } from '../protocol/codec.js'
import { CLOSES, type CloseDefinition, type Refusal } from '../protocol/codes.js'
import { encodeExtended, type HistoryPage } from '../protocol/extensions.js'
import type { Status } from '../protocol/frames.js'
import type { NameKey } from '../protocol/names.js'
import type { Position } from '../protocol/position.js'
import type { ResumePoint } from '../protocol/registration.js'
import type { Directory } from '../room/directory.js'
import type {
  Erased,
  FrameBytes,
  Held,
  Joined,
  Left,
  Presence,
  Proposal,
  Removed,
  Said,
  SessionId,
  StatusChanged,
} from '../room/events.js'
import type { RateOptions } from '../room/rate.js'
import { type PerformingNode, perform } from './commands/index.js'
import { Committer } from './committer.js'
import type { Connection } from './connection.js'
import { Decrees } from './decrees.js'
import { Delivery } from './delivery.js'
import type { Applicant, Doorkeeper, Verdict } from './doorkeeper.js'
import { drain } from './drain.js'
import { hashOf } from './extension.js'
import { Housekeeping, type HousekeepingOptions } from './housekeeping.js'
import { AddressRate } from './limits.js'
import { type Audience, Reader, type ReaderState } from './reader.js'
import { type MessagePage, Recent, shown } from './recent.js'
import { differences } from './reconcile.js'
import { Recoveries } from './recoveries.js'
import { type ExtendedSession, type NamedSession, Session } from './session.js'

export type { Presence, Said } from '../room/events.js'

/** The part of a logger that a node needs. */
export interface Log {
  debug(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export interface NodeOptions extends HousekeepingOptions {
  readonly backplane: Backplane
  readonly log: Log
  /** The name of this node for people. */
  readonly label: string
  /** Who may have which name. */
  readonly doorkeeper: Doorkeeper
  readonly maxContentChars: number
  readonly outboxMaxBytes: number
  /** Whether extended sessions whose connection broke are held, to be taken up again; without it, they are. */
  readonly holds?: boolean
  /** How many broadcasts the history keeps; without it, as many as a frame can carry at least. */
  readonly historyLength?: number
  /** How fast a connection's frames may take effect, and how many `register` of an address in a minute; 0: no limit. */
  readonly rate?: RateOptions
  readonly registrationsPerMinute?: number
  /** Whether users are told each other's addresses: they are, if it does not say. */
  readonly showAddresses?: boolean
  /** The clock: milliseconds since 1970. */
  readonly now?: () => number
}

/** How often it is said that credentials cannot be checked. */
const REMIND_MS = 30_000

/** What a frame costs that is refused, of the tokens of a connection's rate: who only makes mistakes is slowed sooner. */
const REFUSED_COST = 5

/** What a node is doing. Clients are taken while it is `up`. */
export type NodeState = ReaderState | 'leaving' | 'draining'

export class ChatNode implements PerformingNode, Audience {
  /** What operators can have done. */
  readonly decrees: Decrees
  readonly #options: NodeOptions
  readonly #backplane: Backplane
  readonly #log: Log
  readonly #decode: Decode
  readonly #committer: Committer
  readonly #delivery: Delivery<Session>
  readonly #recoveries: Recoveries
  readonly #recent: Recent
  readonly #reader: Reader
  readonly #housekeeping: Housekeeping
  readonly #registrations: AddressRate
  readonly #connections = new Set<Session>()
  /** Sessions that may be too slow: they are looked at again after a turn. */
  readonly #suspects = new Set<Session>()
  /** Sessions that the room knows of, or may come to know of. */
  readonly #sessions = new Map<SessionId, Session>()
  readonly #prefix = randomBytes(9).toString('base64url')
  #leaving: 'leaving' | 'draining' | undefined
  #connected = 0
  /** Whether bans have been applied that those who are here have not been held against. */
  #newBans = false
  /** When it was last said that credentials cannot be checked. */
  #saidAt = Number.NEGATIVE_INFINITY
  #onLastEnded: (() => void) | undefined

  constructor(options: NodeOptions) {
    this.#options = options
    this.#backplane = options.backplane
    this.#log = options.log
    this.#decode = createDecoder(options.maxContentChars)
    this.#delivery = new Delivery((session) => this.#checkPace(session))
    this.#reader = new Reader(this, () => this.#delivery.pendingBytes)
    this.#recent = new Recent(options.backplane, options.historyLength)
    this.#recoveries = new Recoveries({
      backplane: options.backplane,
      applied: () => this.directory.position,
      deliver: (session, frames) => this.#deliver(session, frames),
      goLive: (session) => this.#delivery.enter(session),
      onLost: (session) => this.close(session, CLOSES.RESTART),
    })
    this.#committer = new Committer(options.backplane, () => this.directory.position)
    this.#registrations = new AddressRate(options.registrationsPerMinute ?? 0)
    this.decrees = new Decrees(this, this.#committer, options.maxContentChars)
    this.#housekeeping = new Housekeeping(this.#connections, options, {
      now: () => this.now(),
      isActive: (session) => this.#presenceOf(session)?.status === 'ACTIVO',
      onSilent: (session) => session.connection.terminate(),
      onUnregistered: (session) => this.close(session, CLOSES.NOT_REGISTERED_IN_TIME),
      onAway: (session) => this.#setAway(session),
    })
  }

  /** Joins the cluster. Resolves when clients may come. */
  async start(): Promise<void> {
    const info = { label: this.#options.label, startedAt: this.now() }
    const snapshot = await this.#backplane.start(info, this.#reader)
    await this.#recent.load()
    this.#reader.begin(snapshot)
  }

  get state(): NodeState {
    return this.#leaving ?? this.#reader.state
  }

  /** Whether new connections are taken. */
  get accepting(): boolean {
    return this.state !== 'starting' && this.state !== 'draining'
  }

  get directory(): Directory {
    return this.#reader.directory
  }

  get showsAddresses(): boolean {
    return this.#options.showAddresses ?? true
  }

  now(): number {
    return (this.#options.now ?? Date.now)()
  }

  /** Who has a name: by the directory, a miss confirmed by the backplane. Rejects when that cannot be reached. */
  async find(key: NameKey): Promise<Presence | undefined> {
    return this.directory.get(key) ?? (await this.#backplane.find(key))
  }

  /** Whether somebody at this address must stay outside. */
  isBanned(ip: string): boolean {
    return this.directory.bans.forbidsAddress(ip, this.now())
  }

  /** A page of what was said: the latest before a position. Rejects when the backplane cannot be reached. */
  messages(before: Position | undefined, limit: number): Promise<MessagePage> {
    return this.#recent.page(before, limit)
  }

  /** The nodes that share the room. Rejects when the backplane cannot be reached. */
  nodes(): Promise<NodeStatus[]> {
    return this.#backplane.nodes()
  }

  /** Announces that clients should be sent elsewhere; those who come are still taken. */
  leaveSoon(): void {
    this.#leaving ??= 'leaving'
  }

  /**
   * Leaves in good order: sessions are closed 1012, spread over `spreadMs`. Resolves when all are gone and the room knows; where
   * the room cannot be told for `patienceMs`, it will find out when this node's lease is over.
   */
  async drain(spreadMs: number, patienceMs: number): Promise<void> {
    this.#leaving = 'draining'
    const restart = (session: Session) => this.close(session, CLOSES.RESTART)
    await drain([...this.#connections], spreadMs, restart)
    // Those whose upgrade was under way.
    for (const session of this.#connections) restart(session)
    if (this.#connections.size > 0) await new Promise<void>((resolve) => (this.#onLastEnded = resolve))
    await Promise.race([this.#committer.idle(), sleep(patienceMs, undefined, { ref: false })])
  }

  /** Ends what is left, at once. */
  async stop(): Promise<void> {
    this.#leaving = 'draining'
    this.#housekeeping.stop()
    for (const { connection } of this.#connections) connection.terminate()
    await this.#backplane.close()
  }

  // Connections: http/ hands on what their sockets do.

  connect(connection: Connection): Session {
    this.#connected += 1
    const session = new Session({
      id: `${this.#prefix}-${this.#connected.toString(36)}`,
      connection,
      perform: (from, decoded) => perform(from, decoded, this),
      outboxMaxBytes: this.#options.outboxMaxBytes,
      ...(this.#options.rate && { rate: this.#options.rate }),
      now: this.now(),
    })
    this.#connections.add(session)
    this.#housekeeping.watch(session)
    this.#log.debug({ session: session.id, ip: connection.ip }, 'connected')
    return session
  }

  /** Takes the payload of one WebSocket message. */
  receive(session: Session, payload: Buffer): void {
    session.receive(() => this.#decode(payload), payload.length, this.now())
  }

  /** Takes a ping or a pong. */
  receiveControl(session: Session): void {
    session.receiveControl()
  }

  /** Takes the end of a connection, whoever ended it. */
  ended(session: Session, code: number): void {
    this.#connections.delete(session)
    session.connectionEnded()
    // What it sent before it went still counts.
    session.whenHeard(() => {
      if (session.state !== 'closed') this.#depart(session)
    })
    this.#log.debug({ session: session.id, name: session.identity?.name, code }, 'disconnected')
    if (this.#connections.size === 0) this.#onLastEnded?.()
  }

  // What commands ask for.

  send(session: Session, frame: string | ListFrame): void {
    this.#delivery.send(session, framed(frame))
  }

  refuse(session: Session, refusal: Refusal, ref?: string): void {
    session.charge(REFUSED_COST - 1)
    const now = this.now()
    this.send(
      session,
      session.extended ? encodeExtended.error(refusal, ref, now) : encode.error(refusal, now),
    )
  }

  acknowledge(
    session: Session,
    ref: string | undefined,
    position?: Position,
    content: { delivered: boolean } | null = null,
  ): void {
    if (ref !== undefined) this.send(session, encodeExtended.ack(content, position, ref, this.now()))
  }

  propose(session: Session, proposal: Proposal, done: (outcome: Outcome) => void): void {
    // Whoever does anything else is known already.
    if (proposal.kind === 'join') this.#sessions.set(session.id, session)
    session.begin()
    this.#committer.propose(proposal, (outcome) => {
      done(outcome)
      session.settle()
      const parts = proposal.kind === 'leave' || proposal.kind === 'hold'
      // It passed, and yet it is still there: what was committed has been lost since.
      if (parts && outcome.ok && this.#presenceOf(session)) this.#leave(session)
      else this.#forget(session)
    })
  }

  wake(session: Session, done?: () => void): void {
    if (!session.away || !session.isNamed()) {
      done?.()
      return
    }
    session.away = false
    this.#proposeStatus(session, 'ACTIVO', (changed) => {
      session.away ||= !changed
      done?.()
    })
  }

  confirmMiss(
    session: Session,
    key: NameKey,
    then: (presence: Presence | undefined) => void,
    ref?: string,
  ): void {
    this.#ask(session, 'a name', this.#backplane.find(key), then, ref)
  }

  history(session: Session, { before, limit }: HistoryPage, ref: string | undefined): void {
    const answer = ({ messages, more }: MessagePage) =>
      this.send(session, encodeExtended.historyResponse(messages.map(shown), more, ref, this.now()))
    this.#ask(session, 'the history', this.messages(before, limit), answer, ref)
  }

  async keeps({ secret, position, seq }: ResumePoint): Promise<boolean> {
    const [slice, [inbox]] = await Promise.all([
      this.#backplane.read(position, 1),
      this.#backplane.inboxes([{ secretHash: hashOf(secret), after: seq }]),
    ])
    return slice !== 'lost' && inbox !== 'lost'
  }

  /** Asks what the nodes share for a session, which is held meanwhile; where it cannot be reached, the session is told. */
  #ask<T>(
    session: Session,
    what: string,
    question: Promise<T>,
    then: (reply: T) => void,
    ref: string | undefined,
  ): void {
    session.hold()
    const answer = (reply: () => void) => {
      if (session.state !== 'closed') reply()
      session.release()
    }
    question.then(
      (reply) => answer(() => then(reply)),
      (err) => {
        this.#log.warn({ err }, `the backplane could not be asked for ${what}`)
        answer(() => this.refuse(session, { code: 'UNAVAILABLE' }, ref))
      },
    )
  }

  mayRegister(session: Session): boolean {
    const { ip, open } = session.connection
    const waitMs = this.#registrations.ask(ip, performance.now())
    if (waitMs === 0) return true
    // Whoever has gone does not stand in the way of those who wait.
    if (!open) {
      this.close(session, CLOSES.NORMAL)
      return false
    }
    session.hold()
    setTimeout(() => session.release(), waitMs).unref()
    return false
  }

  admit(applicant: Applicant, then: (verdict: Verdict) => void): void {
    const verdict = this.#options.doorkeeper.admit(applicant)
    if (!(verdict instanceof Promise)) {
      then(verdict)
      return
    }
    verdict.then(then, (err) => {
      // Once in a while: strangers may ask as often as they like.
      if (performance.now() >= this.#saidAt + REMIND_MS) {
        this.#saidAt = performance.now()
        this.#log.warn({ err }, 'a credential could not be checked')
      }
      then({ refused: { code: 'UNAVAILABLE' } })
    })
  }

  expel(session: Session, ref?: string): void {
    this.refuse(session, { code: 'BANNED' }, ref)
    this.close(session, CLOSES.BANNED)
  }

  dismiss(session: Session): void {
    this.close(session, CLOSES.NORMAL)
  }

  close(session: Session, close: CloseDefinition): void {
    if (session.state === 'closed') return
    this.#depart(session, close === CLOSES.BANNED)
    session.hangUp(close)
  }

  // What the reader has applied.

  joined(event: Joined, before: Presence | undefined): void {
    const { presence } = event
    this.#delivery.publishExtended(event)
    // Its owner goes on with another connection: nobody else sees anything of that.
    if (before !== undefined && before.session !== presence.session)
      this.#end(before.session, CLOSES.TAKEN_OVER)
    const session = this.#sessions.get(presence.session)
    if (session === undefined) return
    const { key, name, connectedAt, status, order, account } = presence
    session.identity = { key, name, connectedAt, status, order, ...(account !== undefined && { account }) }
    if (session.state === 'closed') this.#leave(session)
    if (session.state !== 'joining') return
    session.state = 'present'
    if (this.#mustLeave(session)) {
      // It came while the ban was on its way.
      this.expel(session)
      return
    }
    // Whom it took over may have been set away by the server: then its next frame undoes that.
    session.away = status === 'INACTIVO'
    if (session.isExtended()) this.#welcome(session)
    else {
      this.#delivery.enter(session)
      this.send(session, encode.registerSuccess(this.directory.userList, this.now()))
    }
    this.#log.debug({ session: session.id, name: presence.name }, 'registered')
  }

  held({ session: id }: Held): void {
    const session = this.#sessions.get(id)
    if (session !== undefined) this.#forget(session)
  }

  left(event: Left): void {
    const session = this.#sessions.get(event.session)
    if (session?.state === 'present') {
      // It did not ask to leave: it was swept, and is about to be claimed again. That is for the others to see.
      this.#delivery.publishExcept(session, event)
      return
    }
    this.#delivery.publish(event)
    if (session === undefined) return
    if (session.state === 'leaving') {
      this.acknowledge(session, session.extension?.leaving, event.position)
      this.dismiss(session)
    }
    this.#forget(session)
  }

  removed(event: Removed): void {
    this.#end(event.session, CLOSES.REMOVED)
    this.#delivery.publish(event)
  }

  banned(): void {
    this.#newBans = true
  }

  statusChanged(event: StatusChanged): void {
    const session = this.#sessions.get(event.session)
    if (session?.isNamed()) session.identity = { ...session.identity, status: event.status }
    this.#delivery.publish(event)
  }

  said(event: Said): void {
    this.#recent.add(event)
    this.#delivery.publish(event)
  }

  erased({ message }: Erased): void {
    this.#recent.erase(message)
  }

  privately({ session: id, frame, seq }: PrivateMessage): void {
    const session = this.#sessions.get(id)
    if (session?.state !== 'present') return
    if (seq !== undefined && session.isExtended()) this.#recoveries.receive(session, { seq, frame })
    else this.#delivery.send(session, framed(frame))
  }

  resetting(): void {
    // What happened is not known, only what has become of it: they come back, and are told what they have lost.
    for (const session of this.#connections)
      if (session.extended && session.state === 'present') this.close(session, CLOSES.RESTART)
    void this.#recent.load()
  }

  advanced(): void {
    if (this.#newBans) this.#showOut()
    this.#committer.advance()
  }

  epochLeft(epoch: string): void {
    this.#committer.leaveEpoch(epoch)
    // Redis may have lost messages and no event: then their numbers begin anew, and those who had them are told.
    this.#lookForMessages()
  }

  /** Commits the difference between the room and the live sessions: no ghosts, and nobody lost. */
  reconcile(): void {
    const live = [...this.#sessions.values()].filter(
      (session) => session.state !== 'closed' || !session.settled,
    )
    const { ghosts, missing } = differences(this.#backplane.id, this.directory, live)
    for (const { key, name, session, extended } of ghosts) {
      const frame = encode.userDisconnected(name, this.now())
      const held = extended && this.#holds
      const proposal = held
        ? ({ kind: 'hold', key, session } as const)
        : ({ kind: 'leave', key, session, frame } as const)
      this.#committer.propose(proposal, () => {})
    }
    for (const session of missing) this.#claim(session)
    if (!this.#recent.loaded) void this.#recent.load()
    this.#lookForMessages()
  }

  #claim(session: NamedSession): void {
    const join = {
      kind: 'join',
      session: session.id,
      ip: session.connection.ip,
      ...session.identity,
      at: this.now(),
      ...(session.extension !== undefined && { secretHash: session.extension.hash }),
    } as const
    this.propose(session, join, (outcome) => {
      if (outcome.ok) {
        // Since it was swept its messages have been kept, and not sent.
        if (session.isExtended()) void this.#recoveries.look([session])
        return
      }
      if (outcome.reason === 'SESSION_LOST') this.close(session, CLOSES.RESTART)
      if (outcome.reason !== 'NAME_TAKEN') return
      const { key, account } = session.identity
      const owner = this.directory.get(key)
      const himself = account !== undefined && owner?.account === account
      this.close(session, himself ? CLOSES.TAKEN_OVER : CLOSES.NAME_LOST)
    })
  }

  // Extended sessions.

  /** Tells a session that it has entered; and what it has missed, if it broke off before. */
  #welcome(session: ExtendedSession): void {
    const { extension } = session
    const { resume, secret, ref, history } = extension
    const { position, userList: names, stateList: users } = this.directory
    extension.welcomed = true
    if (resume === undefined) this.#delivery.enter(session)
    const frame = encodeExtended.registerSuccess(
      {
        names,
        users,
        position: resume?.position ?? position,
        seq: extension.seq,
        ref,
        secret,
        history: history === undefined ? undefined : this.#recent.latest(history),
        resumed: resume !== undefined,
      },
      this.now(),
    )
    this.send(session, frame)
    if (resume === undefined) return
    session.hold()
    void this.#recoveries.resume(session, resume).then(() => session.release())
  }

  #deliver(session: Session, frames: readonly FrameBytes[]): void {
    for (const frame of frames) this.#delivery.send(session, framed(frame))
  }

  /** Messages are kept before they are published: what was not heard of is found there. */
  #lookForMessages(): void {
    const sessions: ExtendedSession[] = []
    for (const session of this.#sessions.values())
      if (session.state === 'present' && session.isExtended()) sessions.push(session)
    if (sessions.length > 0) void this.#recoveries.look(sessions)
  }

  get #holds(): boolean {
    return this.#options.holds ?? true
  }

  // What becomes of sessions.

  /** Ends a session whose part in the room is over already. */
  #end(id: SessionId, close: CloseDefinition): void {
    const session = this.#sessions.get(id)
    if (session === undefined) return
    if (session.state !== 'closed') {
      session.state = 'closed'
      this.#delivery.leave(session)
      session.hangUp(close)
    }
    this.#forget(session)
  }

  /** Closes those whom bans meet: once for all bans that came together, however many there are. */
  #showOut(): void {
    this.#newBans = false
    for (const session of this.#connections) if (this.#mustLeave(session)) this.close(session, CLOSES.BANNED)
  }

  #mustLeave(session: Session): boolean {
    const { bans } = this.directory
    if (bans.forbidsAddress(session.connection.ip, this.now())) return true
    return (
      session.isNamed() && session.state === 'present' && bans.forbidsName(session.identity.key, this.now())
    )
  }

  /**
   * Ends a session's part in the room, whoever ended it.
   * @param forGood whether it may not be taken up again
   */
  #depart(session: Session, forGood = false): void {
    const { state } = session
    session.state = 'closed'
    this.#delivery.leave(session)
    if (state === 'present') this.#leave(session, forGood)
  }

  /** Tells the room that a session has gone, or may come back. */
  #leave(session: Session, forGood = false): void {
    if (!session.isNamed()) return
    const { key, name } = session.identity
    if (session.extension?.welcomed && this.#holds && !forGood) {
      this.propose(session, { kind: 'hold', key, session: session.id }, () => {})
      return
    }
    const frame = encode.userDisconnected(name, this.now())
    this.propose(session, { kind: 'leave', key, session: session.id, frame }, () => {})
  }

  #forget(session: Session): void {
    const over = session.state === 'new' || session.state === 'closed'
    if (over && session.settled && !this.#presenceOf(session)) this.#sessions.delete(session.id)
  }

  #presenceOf(session: Session): Presence | undefined {
    const presence = session.isNamed() ? this.directory.get(session.identity.key) : undefined
    return presence?.session === session.id && !presence.held ? presence : undefined
  }

  #setAway(session: NamedSession): void {
    session.away = true
    this.#proposeStatus(session, 'INACTIVO', (changed) => {
      session.away &&= changed
    })
  }

  #proposeStatus(session: NamedSession, status: Status, done: (changed: boolean) => void): void {
    const { key, name } = session.identity
    const frame = encode.statusUpdate(name, status, this.now())
    this.propose(session, { kind: 'status', key, session: session.id, status, frame }, ({ ok }) => done(ok))
  }

  /** Closes a client that left more unread than the cap for a whole turn of the event loop. */
  #checkPace(session: Session): void {
    if (this.#suspects.has(session)) return
    this.#suspects.add(session)
    const decide = () => {
      this.#suspects.delete(session)
      if (session.state === 'closed' || !session.outbox.overfull) return
      this.#depart(session)
      session.outbox.discard()
      session.hangUp(CLOSES.TOO_SLOW)
    }
    // The first of the two may be of this turn still.
    setImmediate(() => setImmediate(decide))
  }
}
