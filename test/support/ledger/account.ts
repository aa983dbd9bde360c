import type { Frame } from '../../conformance/client.js'

/**
 * Something that a client sent. Moments are counted: everything that any client did or saw has a moment of its own, and later
 * ones are larger.
 */
export interface Message {
  readonly kind: 'broadcast' | 'private' | 'status'
  readonly from: Account
  /** Of a private message: whom it is for. */
  readonly to?: Account
  /** Unique among all messages of a ledger; of a status, the status. */
  readonly content: string
  /** Counts the messages of its sender. */
  readonly number: number
  readonly sentAt: number
  /**
   * `open`: not answered. `accepted`: its receipt came; of a private message, which has none: it had its effect without an error.
   * `unsure`: one of several of which some were refused.
   */
  outcome: 'open' | 'accepted' | 'refused' | 'unsure'
}

/** What a client saw of the room, in order. */
export type Sight =
  | { readonly kind: 'said'; readonly message: Message; readonly at: number }
  | { readonly kind: 'private'; readonly message: Message; readonly at: number }
  | { readonly kind: 'status'; readonly name: string; readonly status: string; readonly at: number }
  | { readonly kind: 'left'; readonly name: string; readonly at: number }

/** A time when a session may have been taken for dead although its client is connected. */
export interface Doubt {
  readonly since: number
  /** Whether it was. */
  readonly certain: boolean
}

/** The part of a ledger that its accounts need. */
export interface Book {
  /** A new moment. */
  moment(): number
  message(content: string): Message | undefined
  record(message: Message): void
  /** Notes what cannot be, whatever else happened. */
  impossible(problem: string): void
}

const DEPARTURE = /^(.*) ha salido$/s

/** One connection and what its client knows of it: what it did, what it was answered, and what it saw. */
export class Account {
  readonly name: string
  /** Which server it is on. */
  readonly where: string
  /** When `register` was sent. */
  readonly askedAt: number
  /** When `register_success` came. */
  joinedAt: number | undefined
  /** Whether this page of the books began with `register_success`. */
  isNew = true
  /** When this page of the books began. */
  since = Number.POSITIVE_INFINITY
  /** Who was present then. */
  listed: readonly string[] = []
  /** Its own, as it was told last. */
  status = 'ACTIVO'
  /** Why it could not register. */
  rejection: string | undefined
  /** Since when it may be gone: the client began to leave, or saw its connection closed. */
  endedAt: number | undefined
  /** When the connection was closed: until then it may see things. */
  closedAt: number | undefined
  /** How the connection was closed. */
  closeCode: number | undefined
  doubts: Doubt[] = []
  sent: Message[] = []
  sights: Sight[] = []
  /** Broadcasts and changes of status that got neither receipt nor error. */
  unanswered = 0
  /** Private messages of which so many were refused, nobody knows which. */
  unsure: { readonly messages: readonly Message[]; readonly refused: number }[] = []
  /** Sent and not answered. */
  #open: Message[] = []
  /** Errors that came while several messages were open, since the last answer to {@link ask}. */
  #unplaced = 0
  /** When questions were sent that are not answered yet. */
  readonly #asked: number[] = []
  #count = 0
  readonly #book: Book

  constructor(book: Book, name: string, where: string) {
    this.#book = book
    this.name = name
    this.where = where
    this.askedAt = book.moment()
  }

  /** Registered, and not known to have gone. */
  get present(): boolean {
    return this.joinedAt !== undefined && this.endedAt === undefined
  }

  /** Has asked to be let in, and knows not yet: it may have been, unheard of. */
  get asking(): boolean {
    return this.joinedAt === undefined && this.rejection === undefined && this.endedAt === undefined
  }

  /** Whether something that was sent has not been answered. */
  get waiting(): boolean {
    return this.#open.length > 0
  }

  /** Notes a message that is about to be sent. */
  send(kind: Message['kind'], content: string, to?: Account): Message {
    this.#count += 1
    const message: Message = {
      kind,
      from: this,
      ...(to && { to }),
      content,
      number: this.#count,
      sentAt: this.#book.moment(),
      outcome: 'open',
    }
    this.sent.push(message)
    this.#open.push(message)
    this.#book.record(message)
    return message
  }

  /** Notes that `list_users` is about to be sent: its answer shows that all that was sent before has had its effect. */
  ask(): void {
    this.#asked.push(this.#book.moment())
  }

  /** Notes a frame that came. */
  hear(frame: Frame): void {
    const at = this.#book.moment()
    const { type, content } = frame
    if (type === 'register_success') {
      this.joinedAt = at
      this.since = at
      this.listed = frame.userList ?? []
    } else if (type === 'broadcast' || type === 'private') this.#hearMessage(type, frame, at)
    else if (type === 'status_update') this.#hearStatus(content, at)
    else if (type === 'user_disconnected') {
      const name = DEPARTURE.exec(String(content))?.[1]
      if (name === undefined) this.#book.impossible(`${this} saw somebody leave: ${frame.raw}`)
      else this.sights.push({ kind: 'left', name, at })
    } else if (type === 'error') this.#hearError(String(content))
    else if (type === 'list_users_response') this.#settled()
  }

  /** Notes that the client is about to leave, or that its connection was closed. */
  end(closeCode?: number): void {
    this.endedAt ??= this.#book.moment()
    if (closeCode !== undefined) this.closedAt ??= this.#book.moment()
    this.closeCode ??= closeCode
  }

  /** Begins a new page at a moment at which these are present, and nothing is under way. */
  turnPage(now: number, present: readonly string[]): void {
    this.since = now
    this.isNew = false
    this.listed = present
    this.doubts = []
    this.sent = []
    this.sights = []
    this.unsure = []
    this.unanswered = 0
  }

  toString(): string {
    return `${this.name}@${this.where}`
  }

  #hearMessage(kind: 'broadcast' | 'private', frame: Frame, at: number): void {
    const message = this.#book.message(String(frame.content))
    const meant = message?.kind === kind && message.from.name === frame.sender
    if (!message || !meant || (kind === 'private' && message.to?.name !== this.name)) {
      this.#book.impossible(`${this} saw what nobody sent to it: ${frame.raw}`)
      return
    }
    this.sights.push({ kind: kind === 'broadcast' ? 'said' : 'private', message, at })
    if (kind === 'broadcast' && message.from === this) this.#answered(message)
  }

  #hearStatus(content: unknown, at: number): void {
    if (typeof content !== 'object' || content === null || !('user' in content) || !('status' in content)) {
      this.#book.impossible(`${this} saw a status_update without user and status`)
      return
    }
    const [name, status] = [String(content.user), String(content.status)]
    this.sights.push({ kind: 'status', name, status, at })
    if (name !== this.name) return
    this.status = status
    const asked = this.#open.find((message) => message.kind === 'status' && message.content === status)
    if (asked !== undefined) this.#answered(asked)
  }

  #answered(message: Message): void {
    if (message.outcome === 'refused')
      this.#book.impossible(`${this} got an error for ${message.content}, and saw it delivered`)
    message.outcome = 'accepted'
    this.#open = this.#open.filter((open) => open !== message)
  }

  /** An error does not say what it is about: with one message open it is plain, with more it is only counted. */
  #hearError(text: string): void {
    if (this.joinedAt === undefined) {
      this.rejection = text
      return
    }
    const [only, ...others] = this.#open
    if (only === undefined) {
      this.#book.impossible(`${this} got an error for nothing: ${text}`)
    } else if (others.length > 0) {
      this.#unplaced += 1
    } else {
      only.outcome = 'refused'
      this.#open = []
    }
  }

  /** What was sent before the question has had its effect: of that, what has a receipt and has not got it was refused. */
  #settled(): void {
    const asked = this.#asked.shift() ?? 0
    const before = this.#open.filter(({ sentAt }) => sentAt < asked)
    this.#open = this.#open.filter(({ sentAt }) => sentAt >= asked)
    const privates = before.filter(({ kind }) => kind === 'private')
    const others = before.filter(({ kind }) => kind !== 'private')
    const refused = this.#unplaced - others.length
    this.#unplaced = 0
    for (const message of others) message.outcome = refused < 0 ? 'unsure' : 'refused'
    if (refused < 0) this.unanswered += -refused
    if (refused > privates.length) this.#book.impossible(`${this} got more errors than it had sent messages`)
    for (const message of privates) {
      if (refused <= 0) message.outcome = 'accepted'
      else message.outcome = refused === privates.length ? 'refused' : 'unsure'
    }
    if (refused > 0 && refused < privates.length) this.unsure.push({ messages: privates, refused })
  }
}
