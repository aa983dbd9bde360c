import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { WebSocket, type ClientOptions as WsOptions } from 'ws'

const { TEST_DEADLINE_MS } = process.env

/** One frame from the server, parsed, with the text as it came (to check the order of fields). */
export interface Frame {
  /** '' when what came is no JSON object with a string `type`. A field that is not what it must be is left out. */
  type: string
  sender?: string
  target?: string
  content?: unknown
  userList?: string[]
  timestamp?: string
  raw: string
}

/** How long a test waits for what must come before it fails. */
export const DEADLINE_MS = Number(TEST_DEADLINE_MS ?? 10_000)

/** What passed over a connection: `>` sent, `<` received, `!` the connection itself. */
export type Trace = (direction: '>' | '<' | '!', what: string | Uint8Array) => void

/** How to connect, and what to keep of what comes. */
export interface ClientOptions {
  protocols?: string[]
  headers?: Record<string, string>
  /** Whose certificates are believed, for wss. */
  ca?: Buffer
  /** Whether pings are answered. */
  autoPong?: boolean
  /** Frames that it refuses are left out: what strangers do in a shared room. */
  keep?: (frame: Frame) => boolean
  trace?: Trace
}

/** A WebSocket client that keeps every frame until a test has asked for it. */
export class Client {
  readonly ws: WebSocket
  /** The name that `register` succeeded with. */
  name = ''
  readonly #trace: Trace
  #socket: Socket | undefined
  #frames: Frame[] = []
  #wake: (() => void)[] = []
  #closed: { code: number; reason: string } | undefined

  private constructor(ws: WebSocket, options: ClientOptions) {
    this.ws = ws
    this.#trace = options.trace ?? (() => {})
    ws.on('upgrade', (response) => {
      this.#socket = response.socket
    })
    ws.on('message', (data) => {
      const raw = data.toString()
      const frame = readFrame(raw)
      if (options.keep?.(frame) === false) return
      this.#trace('<', raw)
      this.#frames.push(frame)
      this.#notify()
    })
    ws.on('error', (error) => this.#trace('!', error.message))
    ws.on('close', (code, reason) => {
      this.#trace('!', `closed ${code} ${reason}`)
      this.#closed = { code, reason: reason.toString() }
      this.#notify()
    })
  }

  /** Connects; rejects when the upgrade is refused. */
  static async open(url: string, options: ClientOptions = {}): Promise<Client> {
    const wsOptions: WsOptions = {
      headers: options.headers ?? {},
      ...(options.ca && { ca: options.ca }),
      perMessageDeflate: true,
      handshakeTimeout: DEADLINE_MS,
      autoPong: options.autoPong ?? true,
    }
    const ws = new WebSocket(url, options.protocols ?? [], wsOptions)
    const client = new Client(ws, options)
    const refused = new Promise<never>((_resolve, reject) => {
      ws.once('unexpected-response', (_request, response: IncomingMessage) => {
        response.resume()
        reject(new Error(`the upgrade was answered ${response.statusCode}`))
      })
      ws.once('error', reject)
    })
    await Promise.race([once(ws, 'open'), refused])
    return client
  }

  /** Connects and registers; resolves once `register_success` is here. */
  static async join(url: string, name: string, options: ClientOptions = {}): Promise<Client> {
    const client = await Client.open(url, options)
    await client.register(name)
    return client
  }

  /** The socket under the WebSocket, for what no WebSocket client would do. */
  get socket(): Socket {
    if (this.#socket === undefined) throw new Error('there is no socket before the upgrade')
    return this.#socket
  }

  /**
   * Registers and returns the `register_success` frame.
   * @param content what stands in the frame: an object may prove whose the name is (protocol, part 2)
   */
  async register(name: string, content: unknown = null): Promise<Frame> {
    this.send({ type: 'register', sender: name, content })
    const answer = await this.next(['register_success', 'error'])
    if (answer.type !== 'register_success') throw new Error(`register was answered ${answer.raw}`)
    this.name = name
    return answer
  }

  /** Sends an object as JSON, or text and bytes as they are. With `fin: false` more fragments follow. */
  send(frame: object | string | Uint8Array, options: { binary?: boolean; fin?: boolean } = {}): void {
    const data = typeof frame === 'string' || frame instanceof Uint8Array ? frame : JSON.stringify(frame)
    this.#trace('>', data)
    this.ws.send(data, { binary: options.binary ?? false, compress: false, fin: options.fin ?? true })
  }

  /** Sends frames in one go: they reach the server in as few packets as they fit in. */
  sendAll(frames: Iterable<object | string | Uint8Array>): void {
    this.socket.cork()
    for (const frame of frames) this.send(frame)
    this.socket.uncork()
  }

  /**
   * The next frame that nobody has asked for yet; of a type, or one of several, skipping others, when it is given.
   * @param withinMs how long to wait for it
   */
  async next(type?: string | readonly string[], withinMs = DEADLINE_MS): Promise<Frame> {
    const types = type === undefined ? [] : [type].flat()
    const wanted = () => {
      const index = types.length === 0 ? 0 : this.#frames.findIndex((frame) => types.includes(frame.type))
      const frame = this.#frames[index]
      if (frame !== undefined) this.#frames.splice(0, index + 1)
      return frame
    }
    const what = types.length === 0 ? 'a frame' : `a frame of type ${types.join(' or ')}`
    return this.#until(wanted, what, withinMs)
  }

  /**
   * The close code and reason, once the connection has ended.
   * @param withinMs how long to wait for it
   */
  closed(withinMs = DEADLINE_MS): Promise<{ code: number; reason: string }> {
    return this.#until(() => this.#closed, END, withinMs)
  }

  /** Whether the connection has ended. */
  get ended(): boolean {
    return this.#closed !== undefined
  }

  /** Frames that came and were not asked for. */
  get unread(): readonly Frame[] {
    return this.#frames
  }

  /**
   * Sends `list_users` and returns all frames that come before its answer: what the server had to say until then.
   * The way to show that something was *not* sent without waiting for a while.
   */
  async settle(): Promise<Frame[]> {
    this.send({ type: 'list_users', sender: this.name })
    const answered = () => {
      const index = this.#frames.findIndex((frame) => frame.type === 'list_users_response')
      return index === -1 ? undefined : index
    }
    const index = await this.#until(answered, 'list_users_response', DEADLINE_MS)
    return this.#frames.splice(0, index + 1).slice(0, -1)
  }

  /** Ends the connection without a word, as a process that dies does. */
  break(): void {
    this.ws.terminate()
  }

  /** Closes the connection and waits for its end. */
  async close(): Promise<void> {
    if (this.#closed === undefined) this.ws.close()
    await this.closed()
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }

  #until<T>(probe: () => T | undefined, what: string, withinMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      let waiting = true
      const timer = setTimeout(() => {
        waiting = false
        reject(new Error(`${what} did not come within ${withinMs} ms`))
      }, withinMs)
      const look = () => {
        if (!waiting) return
        const found = probe()
        if (found !== undefined) {
          clearTimeout(timer)
          resolve(found)
        } else if (this.#closed !== undefined && what !== END) {
          clearTimeout(timer)
          reject(new Error(`${what} did not come: the connection was closed ${this.#closed.code}`))
        } else {
          this.#wake.push(look)
        }
      }
      look()
    })
  }
}

const END = 'the end of the connection'

function readFrame(raw: string): Frame {
  const { type, sender, target, content, userList, timestamp } = fieldsOf(raw)
  const frame: Frame = { type: typeof type === 'string' ? type : '', raw }
  if (typeof sender === 'string') frame.sender = sender
  if (typeof target === 'string') frame.target = target
  if (content !== undefined) frame.content = content
  if (isStrings(userList)) frame.userList = userList
  if (typeof timestamp === 'string') frame.timestamp = timestamp
  return frame
}

/** The fields of a JSON object in the order in which they stand in the text; none if the text is anything else. */
export function fieldsOf(raw: string): { [field: string]: unknown } & Partial<Record<keyof Frame, unknown>> {
  try {
    const parsed: unknown = JSON.parse(raw)
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : {}
  } catch {
    return {}
  }
}

/** Whether a value is an array of strings, as lists of users are. */
export function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
