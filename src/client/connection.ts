import { ChatError } from './errors.js'
import { readFrame } from './reading.js'
import type { ServerFrame, ServerFrames, Socket } from './types.js'

/** What becomes of a connection. After `ended` nothing more is told. */
export interface Owner {
  /** The frame to register with: `content` is an object to ask for extensions; not so if `plain`. */
  register(plain: boolean): string
  registered(frame: ServerFrames['register_success']): void
  /** Of what follows, one frame; undefined: this client does not know it. */
  heard(frame: ServerFrame | undefined): void
  /** It ended, or never began. `refused`: the server did not let us in. */
  ended(error: ChatError, refused: boolean): void
}

/** No close frame came (RFC 6455, 7.1.5). */
const ABNORMAL = 1006

/** One WebSocket: from opening it over registering to its end. */
export class Connection {
  readonly #socket: Socket
  readonly #owner: Owner
  #opened = false
  #plain = false
  #registered = false
  #ended = false

  constructor(socket: Socket, owner: Owner) {
    this.#socket = socket
    this.#owner = owner
    socket.addEventListener('open', () => {
      this.#opened = true
      this.#register()
    })
    socket.addEventListener('message', ({ data }) => {
      if (!this.#ended) this.#read(data)
    })
    socket.addEventListener('close', ({ code, reason }) => this.#endedBy(code, reason))
    // Once it is open, an end follows that says more. One that never opens may end without (undici 5).
    socket.addEventListener('error', () => {
      if (!this.#opened) this.#endedBy(ABNORMAL, '')
    })
  }

  send(frame: string): void {
    this.#socket.send(frame)
  }

  /** Ends it, and does not wait for the other side, which may be gone. */
  drop(error: ChatError, refused = false): void {
    if (this.#ended) return
    this.abandon()
    this.#owner.ended(error, refused)
  }

  /** Ends it, and tells nobody. */
  abandon(): void {
    this.#ended = true
    const socket: Socket & { terminate?: () => void } = this.#socket
    // ws waits half a minute for the other side to close, and keeps the process alive.
    if (socket.terminate) socket.terminate()
    else socket.close()
  }

  #register(): void {
    if (!this.#ended) this.send(this.#owner.register(this.#plain))
  }

  #read(data: unknown): void {
    const frame = readFrame(data)
    if (this.#registered) {
      this.#owner.heard(frame)
    } else if (frame?.type === 'register_success') {
      this.#registered = true
      this.#owner.registered(frame)
    } else if (frame?.type === 'error') {
      this.#refused(frame)
    }
  }

  #refused({ code, content, retry }: ServerFrames['error']): void {
    if (code === undefined && !this.#plain) {
      // A server that knows nothing of extensions, and minds that they are asked for.
      this.#plain = true
      this.#register()
    } else {
      this.drop(new ChatError(code ?? 'REFUSED', content, retry), true)
    }
  }

  #endedBy(code: number, reason: string): void {
    if (this.#ended) return
    this.#ended = true
    const why = `The connection ended: ${code}${reason && ` ${reason}`}`
    this.#owner.ended(new ChatError('DISCONNECTED', why, false, code), false)
  }
}
