/** A small server of the protocol with its extensions, in memory, which can be told to fail: what clients are tested against. */

/** A connection, as the server sees it. */
export interface Peer {
  send(text: string): void
  close(code: number, reason: string): void
  /** As if it broke. */
  terminate(): void
}

/**
 * What happens to a frame of a client. `before`: the connection breaks, and the frame never arrives. `unanswered`: it takes effect, and
 * the connection breaks before anything is sent. `unacknowledged`: it breaks before the `ack`. `after`: it breaks once everything is
 * sent. `ignored`: nothing comes of it. `deaf`: nothing comes of it or of what follows on this connection, which seems to be well.
 */
export type Fault = 'none' | 'before' | 'unanswered' | 'unacknowledged' | 'after' | 'ignored' | 'deaf'

export type Frame = Readonly<Record<string, unknown>>

/** `ignores` and `refuses` know only the source document: one does not look at `content`, the other minds an object. */
export type Kind = 'extended' | 'ignores' | 'refuses'

interface Numbered {
  readonly seq: number
  readonly frame: Frame
}

interface Session {
  readonly name: string
  readonly secret: string
  readonly extended: boolean
  status: string
  peer: Peer | undefined
  inbox: Numbered[]
  seq: number
  readonly acks: Map<string, Frame>
}

interface Logged {
  readonly offset: number
  readonly frame: Frame
}

export class ModelServer {
  kind: Kind = 'extended'
  /** Decides what happens to each frame that arrives. */
  fault: (frame: Frame) => Fault = () => 'none'
  /** How many frames that a client has seen are replayed to it all the same. */
  repeats = 0
  /** Private messages that are not sent when they come; the inbox has them. */
  readonly holes = new Set<number>()
  /** Every frame that took effect. */
  readonly done: Frame[] = []
  /** Every frame that arrived, in order. */
  readonly arrived: Frame[] = []
  epoch = 'e1'
  #cut: { readonly peer: Peer; readonly fault: Fault } | undefined
  #offset = 0
  #log: Logged[] = []
  readonly #sessions = new Map<string, Session>()
  readonly #peers = new Set<Peer>()
  readonly #deaf = new WeakSet<Peer>()
  #secrets = 0

  /** Takes a connection; returns what is to be called when something comes from it, and when it has ended. */
  accept(peer: Peer): { receive(text: string): void; gone(): void } {
    this.#peers.add(peer)
    return {
      receive: (text) => this.#receive(JSON.parse(text), peer),
      gone: () => this.#gone(peer),
    }
  }

  /** Closes every connection. */
  closeAll(code: number, reason = ''): void {
    for (const peer of this.#peers) peer.close(code, reason)
  }

  terminateAll(): void {
    for (const peer of this.#peers) peer.terminate()
  }

  get connections(): number {
    return this.#peers.size
  }

  /** Sends what is no answer. */
  sendRaw(text: string): void {
    for (const peer of this.#peers) peer.send(text)
  }

  /** Those who are away are so no longer: they have left. */
  forget(name?: string): void {
    for (const session of this.#sessions.values())
      if (session.peer === undefined && (name ?? session.name) === session.name) this.#leave(session)
  }

  /** Somebody else has the name now. */
  take(name: string): void {
    this.#sessions.set(name, this.#newSession(name, true))
  }

  release(name: string): void {
    this.#sessions.delete(name)
  }

  /** The log is lost, and begins anew. */
  beginEpoch(epoch: string): void {
    this.epoch = epoch
    this.#log = []
    this.#offset = 0
  }

  /** Everything that was kept for somebody is gone. */
  emptyInbox(name: string): void {
    const session = this.#sessions.get(name)
    if (session) session.inbox = []
  }

  /** Lets a position pass that nobody is shown. */
  skipPosition(): void {
    this.#offset += 1
  }

  #receive(frame: Frame, peer: Peer): void {
    // What follows on a connection that breaks does not arrive.
    if (this.#deaf.has(peer)) return
    this.arrived.push(frame)
    const fault = this.fault(frame)
    if (fault === 'ignored') return
    if (fault !== 'none') this.#deaf.add(peer)
    if (fault === 'deaf') return
    this.#cut = fault === 'unanswered' || fault === 'unacknowledged' ? { peer, fault } : undefined
    if (fault !== 'before') this.#obey(frame, peer)
    this.#cut = undefined
    if (fault !== 'none') peer.terminate()
  }

  #send(peer: Peer, frame: Frame): void {
    const cut = this.#cut?.peer === peer ? this.#cut.fault : undefined
    if (cut === 'unanswered' || (cut === 'unacknowledged' && frame.type === 'ack')) return
    peer.send(JSON.stringify({ timestamp: now(), ...frame }))
  }

  #of(peer: Peer): Session | undefined {
    return [...this.#sessions.values()].find((session) => session.peer === peer)
  }

  #gone(peer: Peer): void {
    this.#peers.delete(peer)
    const session = this.#of(peer)
    if (session === undefined) return
    if (session.extended) session.peer = undefined
    else this.#leave(session)
  }

  #leave(session: Session): void {
    this.#sessions.delete(session.name)
    this.#tell({ type: 'user_disconnected', sender: 'server', content: `${session.name} ha salido` })
  }

  #newSession(name: string, extended: boolean, peer?: Peer): Session {
    this.#secrets += 1
    const secret = `secret-${this.#secrets}`
    return { name, secret, extended, status: 'ACTIVO', peer, inbox: [], seq: 0, acks: new Map() }
  }

  #obey(frame: Frame, peer: Peer): void {
    const session = this.#of(peer)
    if (frame.type === 'register') {
      this.#register(frame, peer)
    } else if (session === undefined) {
      this.#send(peer, { type: 'error', sender: 'server', content: 'Debes registrarte primero' })
    } else {
      const ack = typeof frame.ref === 'string' ? session.acks.get(frame.ref) : undefined
      if (ack) this.#send(peer, ack)
      else this.#serve(frame, session, peer)
    }
  }

  #register({ sender, content }: Frame, peer: Peer): void {
    const name = String(sender)
    const asked = typeof content === 'object' && content !== null ? content : undefined
    const extended = this.kind === 'extended' && asked !== undefined
    if (this.kind === 'refuses' && asked) {
      this.#send(peer, { type: 'error', sender: 'server', content: 'content debe ser null' })
      return
    }
    const there = this.#sessions.get(name)
    const resume = asked && 'resume' in asked ? fields(asked.resume) : undefined
    if (extended && there && resume?.session === there.secret) {
      this.#resume(there, peer, String(resume.position), Number(resume.seq))
      return
    }
    if (there) {
      this.#send(peer, {
        type: 'error',
        sender: 'server',
        content: 'El usuario ya existe',
        ...(extended && { code: 'NAME_TAKEN' }),
      })
      return
    }
    const session = this.#newSession(name, extended, peer)
    this.#tell({ type: 'user_connected', sender: 'server', content: { user: name, status: 'ACTIVO' } })
    this.#sessions.set(name, session)
    const wanted = asked && 'history' in asked ? Number(asked.history) : undefined
    const history =
      wanted === undefined ? undefined : this.#messages().slice(this.#messages().length - wanted)
    this.#send(peer, {
      ...this.#welcome(),
      ...(extended && {
        position: this.#position(this.#offset),
        seq: 0,
        session: session.secret,
        users: this.#users(),
        ...(history && { history }),
        resumed: false,
      }),
    })
  }

  #resume(session: Session, peer: Peer, position: string, seq: number): void {
    const old = session.peer
    session.peer = peer
    old?.close(4005, '')
    const users = this.#users()
    this.#send(peer, { ...this.#welcome(), position, seq, session: session.secret, users, resumed: true })
    const from = Number(position.split('-')[1]) - this.repeats
    for (const { offset, frame } of this.#log) if (offset > from) this.#send(peer, frame)
    for (const message of session.inbox) if (message.seq > seq - this.repeats) this.#send(peer, message.frame)
  }

  #serve(frame: Frame, session: Session, peer: Peer): void {
    const { type, target, content, ref } = frame
    const answer = session.extended && ref !== undefined ? { ref } : {}
    const whom = this.#sessions.get(String(target))
    if ((type === 'broadcast' || type === 'private') && content === '') {
      const code = session.extended ? { code: 'INVALID_FIELD' } : {}
      this.#send(peer, { type: 'error', sender: 'server', content: 'El campo "content"', ...answer, ...code })
    } else if (type === 'list_users') {
      this.#send(peer, { type: 'list_users_response', sender: 'server', content: this.#names(), ...answer })
    } else if ((type === 'user_info' || type === 'private') && whom === undefined) {
      const code = session.extended ? { code: 'USER_NOT_FOUND' } : {}
      this.#send(peer, {
        type: 'error',
        sender: 'server',
        content: 'Usuario no encontrado',
        ...answer,
        ...code,
      })
    } else if (type === 'user_info' && whom) {
      const { name, status } = whom
      const info = { ip: '127.0.0.1', status }
      this.#send(peer, {
        type: 'user_info_response',
        sender: 'server',
        target: name,
        content: info,
        ...answer,
      })
    } else if (type === 'history' && session.extended) {
      this.#send(peer, {
        type: 'history_response',
        sender: 'server',
        content: this.#page(content),
        ...answer,
      })
    } else if (type === 'disconnect') {
      this.#leave(session)
      if (session.extended)
        this.#send(peer, {
          type: 'user_disconnected',
          sender: 'server',
          content: `${session.name} ha salido`,
        })
      peer.close(1000, 'Hasta luego')
    } else {
      this.#act(frame, session, peer, whom)
    }
  }

  #act(frame: Frame, session: Session, peer: Peer, whom: Session | undefined): void {
    const { type, content, ref } = frame
    this.done.push(frame)
    const unchanged = type === 'change_status' && content === session.status
    const delivered = whom?.peer !== undefined
    if (type === 'broadcast') this.#tell({ type, sender: session.name, content })
    if (type === 'private' && whom)
      this.#hand(whom, { type, sender: session.name, target: whom.name, content })
    if (type === 'change_status') {
      session.status = String(content)
      const update = {
        type: 'status_update',
        sender: 'server',
        content: { user: session.name, status: content },
      }
      if (unchanged) this.#send(peer, update)
      else this.#tell(update)
    }
    if (!session.extended || typeof ref !== 'string') return
    const ack: Frame = {
      type: 'ack',
      sender: 'server',
      content: type === 'private' ? { delivered } : null,
      ...(!unchanged && { position: this.#position(this.#offset) }),
      ref,
    }
    session.acks.set(ref, ack)
    this.#send(peer, ack)
  }

  /** To all, and into the log. */
  #tell(frame: Frame): void {
    this.#offset += 1
    const offset = this.#offset
    const logged = { ...frame, timestamp: now(), position: this.#position(offset) }
    this.#log.push({ offset, frame: logged })
    for (const { peer, extended } of this.#sessions.values()) {
      if (peer && extended) this.#send(peer, logged)
      else if (peer && frame.type !== 'user_connected') this.#send(peer, frame)
    }
  }

  #hand(whom: Session, frame: Frame): void {
    whom.seq += 1
    const { seq } = whom
    const message = { ...frame, timestamp: now(), ...(whom.extended && { seq }) }
    whom.inbox.push({ seq, frame: message })
    if (whom.peer && !this.holes.has(seq)) this.#send(whom.peer, message)
  }

  #messages(): Frame[] {
    return this.#log.map(({ frame }) => frame).filter(({ type }) => type === 'broadcast')
  }

  #page(content: unknown): { messages: Frame[]; more: boolean } {
    const { before, limit = 50 } = fields(content)
    const all = this.#messages()
    const end = before === undefined ? all.length : all.findIndex(({ position }) => position === before)
    const start = Math.max(0, end - Number(limit))
    return { messages: all.slice(start, end), more: start > 0 }
  }

  #welcome(): Frame {
    return {
      type: 'register_success',
      sender: 'server',
      content: 'Registro exitoso',
      userList: this.#names(),
      timestamp: now(),
    }
  }

  #names(): string[] {
    return [...this.#sessions.keys()]
  }

  #users(): { name: string; status: string }[] {
    return [...this.#sessions.values()].map(({ name, status }) => ({ name, status }))
  }

  #position(offset: number): string {
    return `${this.epoch}-${offset}`
  }
}

function now(): string {
  return new Date().toISOString()
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {}
}
