import {
  type ReadAnswer,
  toBroadcast,
  toHistory,
  toListUsers,
  toPrivate,
  toStatus,
  toUserInfo,
} from './answers.js'
import { systemClock } from './clock.js'
import { type Deferred, deferred } from './deferred.js'
import { Emitter } from './emitter.js'
import { ChatError } from './errors.js'
import { Cursor } from './incoming.js'
import { Link } from './link.js'
import { type Entry, mayBeDone, Outgoing } from './outgoing.js'
import type {
  ClientOptions,
  Draft,
  Events,
  Guarantees,
  HistoryPage,
  HistoryQuery,
  PrivateReceipt,
  Receipt,
  ServerFrame,
  ServerFrames,
  Settings,
  SocketClass,
  State,
  StateChange,
  Status,
  UserInfo,
  Welcome,
} from './types.js'
import { Watch } from './watch.js'

/** The options that have a default. */
export const DEFAULTS = {
  connectTimeoutMs: 10_000,
  attemptTimeoutMs: 10_000,
  answerTimeoutMs: 5000,
  sendTimeoutMs: 60_000,
  backoffBaseMs: 200,
  backoffCapMs: 15_000,
  heartbeatMs: 0,
  clock: systemClock,
  random: Math.random,
}

/** A user of a chat: connects, comes back when the connection is lost, and loses nothing as far as the server allows it. */
export class Client {
  /** As others see it. */
  readonly name: string
  readonly #settings: Settings & ClientOptions
  readonly #emitter = new Emitter()
  readonly #outgoing = new Outgoing()
  readonly #link: Link
  readonly #watch: Watch
  #given = 0
  /** Of those who wait for the client to be online. */
  #arrival: Deferred<Welcome> | undefined
  #departure: Deferred<void> | undefined
  /** Of the session that there is, or that may be taken up again. */
  #welcome: Welcome | undefined
  /** Of an extended session: what takes it up again, and up to where it was told. */
  #secret: string | undefined
  #cursor: Cursor | undefined
  /** On a base session: the number of the last private message of which it is not known that it was not refused. */
  #doubtful = 0

  /**
   * @param url where the chat is, such as `ws://127.0.0.1:3000/chat`
   * @throws TypeError when there is no WebSocket class
   */
  constructor(url: string, options: ClientOptions) {
    const WebSocket: SocketClass | undefined = options.WebSocket ?? globalThis.WebSocket
    if (WebSocket === undefined)
      throw new TypeError('no globalThis.WebSocket here: pass the option WebSocket')
    this.name = options.name.normalize('NFC')
    this.#settings = { ...DEFAULTS, ...options, WebSocket }
    this.#link = new Link(url, this.#settings, {
      register: (plain) => this.#registration(plain),
      registered: (frame) => this.#begin(frame),
      heard: (frame) => this.#hear(frame),
      changed: (change) => this.#change(change),
    })
    this.#watch = new Watch(this.#settings, {
      owedSince: () => this.#outgoing.written()[0]?.writtenAt,
      answersAll: () => this.#isExtended,
      probe: () => this.#link.send(this.#text({ type: 'user_info', target: this.name })),
      dead: () => this.#link.renew('The server is silent'),
    })
  }

  get state(): State {
    return this.#link.state
  }

  /** What the session keeps; undefined before there is one. */
  get guarantees(): Guarantees | undefined {
    if (!this.#welcome) return undefined
    const extended = this.#isExtended
    return {
      exactlyOnce: extended,
      privateReceipts: extended,
      joins: extended,
      history: extended,
      credentials: extended,
    }
  }

  /**
   * Calls the handler at each event, until what this returns is called. What a handler throws counts as uncaught, and disturbs
   * nothing here.
   */
  on<E extends keyof Events>(event: E, handler: (value: Events[E]) => void): () => void {
    return this.#emitter.on(event, handler)
  }

  /**
   * Connects and registers; resolves when the client is online. Put your handlers in place before. While the client waits to come
   * back by itself, it tries at once.
   * @throws ChatError by the promise: a refusal by which trying again cannot help, at once; else what went wrong last, after
   *   `connectTimeoutMs`
   */
  connect(): Promise<Welcome> {
    if (this.state === 'online' && this.#welcome) return Promise.resolve(this.#welcome)
    this.#arrival ??= deferred()
    const { promise } = this.#arrival
    this.#link.open()
    return promise
  }

  /**
   * Says something to everyone. Resolves when the server has taken it (protocol, part 2, point 4); on a base session when its echo comes.
   * @throws ChatError by the promise: a refusal of the server, or one of `ClientErrorCode`
   */
  send(content: string): Promise<Receipt> {
    return this.#ask({ type: 'broadcast', content }, toBroadcast(this.name, content))
  }

  /**
   * Says something to one user. Resolves when the server has taken it; on a base session as soon as it is sent.
   * @throws ChatError by the promise: `USER_NOT_FOUND`, `INBOX_FULL`, and as with {@link send}
   */
  sendTo(target: string, content: string): Promise<PrivateReceipt> {
    return this.#ask({ type: 'private', target, content }, toPrivate, { confirmed: false })
  }

  /** Changes your own status. Resolves when that is done. */
  setStatus(status: Status): Promise<Receipt> {
    return this.#ask({ type: 'change_status', content: status }, toStatus(this.name, status))
  }

  /** The names of everyone present, in the order of joining. */
  listUsers(): Promise<readonly string[]> {
    return this.#ask({ type: 'list_users' }, toListUsers)
  }

  /**
   * What is known of a user.
   * @throws ChatError by the promise: `USER_NOT_FOUND`; on a base session `REFUSED`, or `TIMEOUT` where it is not known whom a
   *   refusal was for
   */
  userInfo(name: string): Promise<UserInfo> {
    return this.#ask({ type: 'user_info', target: name }, toUserInfo(name))
  }

  /**
   * A page of what was said: the latest, or what is before a position (protocol, part 2, point 6).
   * @throws ChatError by the promise: `UNSUPPORTED` on a base session
   */
  history(query: HistoryQuery = {}): Promise<HistoryPage> {
    return this.#ask({ type: 'history', content: query }, toHistory)
  }

  /**
   * Leaves for good: others see it at once. Resolves when the connection is closed, after 3 s at most. What was sent before
   * is answered as far as possible, and rejected otherwise. While the client is away it cannot say that it leaves: the server
   * finds out at the end of its time of grace.
   */
  close(): Promise<void> {
    if (this.state === 'closed') return Promise.resolve()
    if (this.#departure) return this.#departure.promise
    this.#departure = deferred()
    const { promise } = this.#departure
    this.#link.leave(this.#text({ type: 'disconnect', content: 'Cierre de sesión' }))
    return promise
  }

  get #isExtended(): boolean {
    return this.#cursor !== undefined
  }

  /** A frame of ours. Base sessions get the fields of the source document, in its order, and no others. */
  #text(draft: Draft | { type: 'disconnect' | 'register'; content: unknown }, ref?: string): string {
    const { type, ...rest } = draft
    const said = type === 'broadcast' || type === 'private'
    return JSON.stringify({
      type,
      sender: this.name,
      ...rest,
      ...(this.#isExtended ? { ref } : said && { timestamp: new Date().toISOString() }),
    })
  }

  #registration(plain: boolean): string {
    const { password, token, history } = this.#settings
    const cursor = this.#cursor
    const resume = cursor && { session: this.#secret, position: cursor.position, seq: cursor.seq }
    const asked = { password, token: typeof token === 'function' ? token() : token, history, resume }
    return this.#text({ type: 'register', content: plain ? null : asked })
  }

  #begin({
    session,
    position,
    seq,
    resumed,
    users,
    userList,
    history = [],
  }: ServerFrames['register_success']): void {
    const before = this.#cursor
    const isLost = this.#welcome !== undefined && !(resumed && before)
    this.#secret = session
    if (!resumed || !before) {
      this.#cursor = session === undefined ? undefined : new Cursor(position ?? '', seq ?? 0)
    }
    this.#doubtful = 0
    const undecided = isLost ? this.#outgoing.takeUndecided() : []
    for (const { reject } of undecided) reject(unanswered('UNDECIDED'))
    this.#watch.heard()
    if (this.#settings.heartbeatMs > 0) this.#watch.start()
    for (const entry of this.#outgoing.all()) this.#write(entry)
    const welcome: Welcome = {
      resumed: resumed === true,
      users: users ?? userList.map((name) => ({ name, status: undefined })),
      history: history.filter(({ position }) => !resumed && (before?.isAhead(position) ?? true)),
    }
    this.#welcome = welcome
    this.#arrival?.resolve(welcome)
    this.#arrival = undefined
    if (isLost)
      this.#emitter.emit('lost', { reason: 'session', undecided: undecided.map(({ draft }) => draft) })
    this.#emitter.emit('state', { state: 'online' })
    this.#emitter.emit('online', welcome)
  }

  #hear(frame: ServerFrame | undefined): void {
    this.#watch.heard()
    if (!frame) {
      this.#emitter.emit('error', unanswered('UNREADABLE'))
      return
    }
    switch (this.#cursor?.take(frame)) {
      case 'repeat':
        return
      case 'hole':
        // What is missing comes when the session is taken up from where it stands.
        this.#link.renew('A private message is missing')
        return
      case 'gap':
        this.#emitter.emit('lost', { reason: 'inbox', undecided: [] })
    }
    this.#tell(frame)
    if (this.#isExtended) this.#answerByRef(frame)
    else this.#answerByOrder(frame)
  }

  #tell(frame: ServerFrame): void {
    switch (frame.type) {
      case 'broadcast':
        this.#emitter.emit('message', frame)
        break
      case 'private':
        this.#emitter.emit('private', frame)
        break
      case 'user_connected':
        this.#emitter.emit('joined', frame.content)
        break
      case 'user_disconnected':
        this.#emitter.emit('left', { user: frame.content.replace(/ ha salido$/, '') })
        break
      case 'status_update':
        this.#emitter.emit('status', frame.content)
    }
  }

  #answerByRef(frame: ServerFrame): void {
    const ref = 'ref' in frame ? frame.ref : undefined
    const entry = ref === undefined ? undefined : this.#outgoing.take(Number(ref))
    if (frame.type === 'error') this.#refuse(entry, frame)
    else if (entry?.settle(frame) === false) entry.reject(unanswered('UNREADABLE'))
  }

  /** A base server answers in order, and does not say what. */
  #answerByOrder(frame: ServerFrame): void {
    const waiting = this.#outgoing.written()
    if (frame.type === 'error') {
      // Whom it is for is sure only where nobody else can be meant.
      const entry = waiting.length === 1 && this.#doubtful === 0 ? waiting[0] : undefined
      this.#refuse(entry && this.#outgoing.take(entry.number), frame)
      return
    }
    const entry = waiting.find(({ settle }) => settle(frame))
    if (entry === undefined) return
    this.#outgoing.take(entry.number)
    if (entry.number > this.#doubtful) this.#doubtful = 0
  }

  #refuse(entry: Entry | undefined, { code = 'REFUSED', content, retry }: ServerFrames['error']): void {
    const error = new ChatError(code, content, retry)
    if (entry) entry.reject(error)
    else this.#emitter.emit('error', error)
  }

  /** @param blind what to answer where the server answers nothing */
  #ask<T>(draft: Draft, read: ReadAnswer<T>, blind?: T): Promise<T> {
    if (this.state === 'closed' || this.#departure) return Promise.reject(unanswered('CLOSED'))
    if (this.#outgoing.full) return Promise.reject(unanswered('QUEUE_FULL'))
    const { promise, resolve, reject } = deferred<T>()
    const stop = this.#settings.clock.after(this.#settings.sendTimeoutMs, () => {
      this.#outgoing.take(entry.number)
      reject(unanswered(mayBeDone(entry) ? 'UNDECIDED' : 'TIMEOUT'))
    })
    const settle = (value: T | undefined): boolean => {
      if (value === undefined) return false
      stop()
      resolve(value)
      return true
    }
    this.#given += 1
    const entry: Entry = {
      number: this.#given,
      draft,
      writtenAt: undefined,
      settle: (frame) => settle(read(frame)),
      settleBlindly: () => settle(blind),
      reject: (error) => {
        stop()
        reject(error)
      },
    }
    this.#outgoing.add(entry)
    if (this.state === 'online') this.#write(entry)
    return promise
  }

  #write(entry: Entry): void {
    const { number, draft } = entry
    if (draft.type === 'history' && !this.#isExtended) {
      this.#outgoing.take(number)
      entry.reject(unanswered('UNSUPPORTED'))
      return
    }
    entry.writtenAt = this.#settings.clock.now()
    this.#link.send(this.#text(draft, String(number)))
    this.#watch.start()
    if (!this.#isExtended && entry.settleBlindly()) {
      this.#outgoing.take(number)
      this.#doubtful = number
    }
  }

  #change(change: StateChange): void {
    this.#watch.stop()
    if (change.state === 'closed') this.#close(change.error)
    this.#emitter.emit('state', change)
  }

  #close(error = unanswered('CLOSED')): void {
    for (const entry of this.#outgoing.all()) {
      this.#outgoing.take(entry.number)
      entry.reject(unanswered(mayBeDone(entry) ? 'UNDECIDED' : 'CLOSED'))
    }
    this.#welcome = undefined
    this.#secret = undefined
    this.#cursor = undefined
    this.#arrival?.reject(error)
    this.#arrival = undefined
    this.#departure?.resolve()
    this.#departure = undefined
  }
}

const WHY = {
  UNDECIDED: 'Sent, but nobody knows whether it arrived',
  TIMEOUT: 'No answer in time',
  QUEUE_FULL: 'Too much waits for an answer',
  CLOSED: 'The client is closed',
  UNSUPPORTED: 'The server does not have that',
  UNREADABLE: 'The server sent what this client does not know',
}

function unanswered(code: keyof typeof WHY): ChatError {
  return new ChatError(code, WHY[code], code === 'TIMEOUT' || code === 'QUEUE_FULL')
}
