/** The other end of a connection, over TCP or TLS: it writes what it is told to, and judges strictly what the server sends. */
import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, TLSSocket } from 'node:tls'
import type { Test } from 'tap'
import { DEADLINE_MS, fieldsOf } from '../../conformance/client.js'
import { type Fields, handshake, json, KEY, OPCODE, pong } from './frames.js'

/** Where to connect. */
export interface Target {
  readonly port: number
  /** Whose certificates are believed; without it, no TLS. */
  readonly ca?: Buffer
}

/** What a request is answered with. */
export interface Answer {
  readonly status: number
  /** By their names in lower case. */
  readonly headers: ReadonlyMap<string, string>
}

export interface ServerFrame {
  readonly opcode: number
  readonly payload: Buffer
}

/** What the server adds to a key before it hashes it (RFC 6455, 1.3). */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

export function acceptOf(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64')
}

export class Peer {
  readonly #socket: Socket
  /** What has not been read yet: of the answer, then of a frame that has not come whole. */
  #rest = Buffer.alloc(0)
  #answer: Answer | undefined
  readonly #frames: ServerFrame[] = []
  #closeSeen = false
  #ended = false
  #violation: Error | undefined
  #wake: (() => void)[] = []

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.#rest = Buffer.concat([this.#rest, chunk])
      this.#read()
      this.#notify()
    })
    const end = () => {
      this.#ended = true
      this.#notify()
    }
    socket.on('end', end)
    socket.on('close', end)
    // What becomes of it shows in what has been read until then.
    socket.on('error', () => {})
  }

  /** Connects, and says nothing yet. */
  static async dial(t: Test, { port, ca }: Target): Promise<Peer> {
    // Not a literal in the call: the types do not know allowHalfOpen there.
    const options = { port, host: '127.0.0.1', allowHalfOpen: true, ...(ca && { ca }) }
    const socket = ca ? connectTls(options) : connectTcp(options)
    t.teardown(() => socket.destroy())
    await new Promise<void>((resolve, reject) => {
      socket.once(ca ? 'secureConnect' : 'connect', () => resolve())
      socket.once('error', reject)
    })
    return new Peer(socket)
  }

  /** Connects and does the opening handshake. */
  static async open(t: Test, target: Target, fields: Fields = {}): Promise<Peer> {
    const peer = await Peer.dial(t, target)
    peer.write(handshake(fields))
    const { status, headers } = await peer.answer()
    if (status !== 101) throw new Error(`the handshake was answered ${status}`)
    if (headers.get('sec-websocket-accept') !== acceptOf(KEY)) throw new Error('this accepts another key')
    return peer
  }

  /** Does the opening handshake and registers. */
  static async join(t: Test, target: Target, name: string): Promise<Peer> {
    const peer = await Peer.open(t, target)
    peer.write(json({ type: 'register', sender: name, content: null }))
    const { type } = await peer.message()
    if (type !== 'register_success') throw new Error(`register was answered ${type}`)
    return peer
  }

  /** Writes bytes in one go. */
  write(...bytes: readonly Uint8Array[]): void {
    this.#socket.write(Buffer.concat(bytes))
  }

  /** Writes bytes one by one, each in a packet of its own as far as the kernel has it so. */
  async writeSlowly(bytes: Buffer): Promise<void> {
    for (const byte of bytes) {
      this.#socket.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Sends a FIN, and goes on reading. */
  finish(): void {
    this.#socket.end()
  }

  /** Ends the connection without a word, as a process that dies does; over TCP by a reset. */
  reset(): void {
    if (this.#socket instanceof TLSSocket) this.#socket.destroy()
    else this.#socket.resetAndDestroy()
  }

  /** Reads no more until {@link resume}. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** The answer to the request. */
  answer(): Promise<Answer> {
    return this.#until(() => this.#answer, 'an answer')
  }

  /** The next frame, of any kind. */
  frame(): Promise<ServerFrame> {
    return this.#until(() => this.#frames.shift(), 'a frame')
  }

  /** The fields of the next frame, which must be a message. */
  async message(): Promise<ReturnType<typeof fieldsOf>> {
    const { opcode, payload } = await this.frame()
    if (opcode !== OPCODE.text) throw new Error(`a message must come, came a frame of opcode ${opcode}`)
    return fieldsOf(payload.toString())
  }

  /** Code and reason of the next frame, which must be a close frame. Without a body there is no code. */
  async closeFrame(): Promise<{ code: number | undefined; reason: string }> {
    const { opcode, payload } = await this.frame()
    if (opcode !== OPCODE.close) throw new Error(`a close frame must come, came ${opcode}: ${payload}`)
    const code = payload.length === 0 ? undefined : payload.readUInt16BE(0)
    return { code, reason: payload.subarray(2).toString() }
  }

  /** The frames that come until the server has ended the connection. */
  async rest(): Promise<ServerFrame[]> {
    await this.#until(() => this.#ended || undefined, 'the end of the connection')
    if (this.#answer?.status === 101 && this.#rest.length > 0) throw new Error('the last frame is not whole')
    return this.#frames.splice(0)
  }

  /** Resolves once the server has ended the connection; rejects if there is anything that nobody has asked for. */
  async ended(): Promise<void> {
    const frames = await this.rest()
    if (frames.length > 0) throw new Error(`${frames.length} frames came that should not`)
  }

  #read(): void {
    try {
      if (this.#answer === undefined) this.#readAnswer()
      if (this.#answer?.status !== 101) return
      while (this.#readFrame()) {}
    } catch (error) {
      this.#violation ??= error instanceof Error ? error : new Error(String(error))
    }
  }

  #readAnswer(): void {
    const end = this.#rest.indexOf('\r\n\r\n')
    if (end === -1) return
    const [line = '', ...lines] = this.#rest.subarray(0, end).toString('latin1').split('\r\n')
    this.#rest = this.#rest.subarray(end + 4)
    const headers = new Map<string, string>()
    for (const field of lines) {
      const [name = '', value = ''] = field.split(/:\s*(.*)/s)
      const [key, before] = [name.toLowerCase(), headers.get(name.toLowerCase())]
      headers.set(key, before === undefined ? value : `${before}, ${value}`)
    }
    this.#answer = { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(line)?.[1]), headers }
  }

  /** Reads a frame off the rest, if it is there whole. */
  #readFrame(): boolean {
    const rest = this.#rest
    const [first, second] = rest
    if (first === undefined || second === undefined) return false
    const opcode = first & 0x0f
    must(!this.#closeSeen, 'after its close frame the server sends nothing (5.5.1)')
    must((first & 0x80) !== 0, 'the server does not send in fragments (protocol 1.1)')
    must((first & 0x70) === 0, 'reserved bits are 0 where no extension was negotiated (5.2)')
    must(SENT_OPCODES.includes(opcode), `opcode ${opcode} is not one that this server sends`)
    must((second & 0x80) === 0, 'a server does not mask (5.1)')
    const size = second === 126 ? 2 : second === 127 ? 8 : 0
    const begin = 2 + size
    if (rest.length < begin) return false
    const length = size === 0 ? second : size === 2 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2))
    must(size !== 2 || length > 125, 'as few bytes for the length as can be (5.2)')
    must(size !== 8 || length > 65535, 'as few bytes for the length as can be (5.2)')
    must(length <= Number.MAX_SAFE_INTEGER, 'the highest bit of a length is 0 (5.2)')
    must(opcode < 8 || length <= 125, 'a control frame has 125 bytes at most (5.5)')
    if (rest.length < begin + length) return false
    const payload = rest.subarray(begin, begin + length)
    this.#rest = rest.subarray(begin + length)
    this.#take({ opcode, payload })
    return true
  }

  #take(frame: ServerFrame): void {
    const { opcode, payload } = frame
    if (opcode === OPCODE.text) {
      must(isUtf8(payload), 'a text is UTF-8 (5.6)')
      must(typeof fieldsOf(payload.toString()).type === 'string', 'a frame is one JSON object (protocol 1.1)')
    } else if (opcode === OPCODE.ping) {
      this.write(pong(payload))
    } else if (opcode === OPCODE.close) {
      this.#closeSeen = true
      must(payload.length !== 1, 'the body of a close frame begins with two bytes (5.5.1)')
      must(payload.length === 0 || isSendable(payload.readUInt16BE(0)), 'the code may stand in a frame (7.4)')
      must(isUtf8(payload.subarray(2)), 'the reason is UTF-8 (5.5.1)')
    }
    this.#frames.push(frame)
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }

  #until<T>(probe: () => T | undefined, what: string): Promise<T> {
    return new Promise((resolve, reject) => {
      let waiting = true
      const timer = setTimeout(() => fail(`${what} did not come within ${DEADLINE_MS} ms`), DEADLINE_MS)
      const settle = () => {
        waiting = false
        clearTimeout(timer)
      }
      const fail = (why: string) => {
        settle()
        reject(new Error(why))
      }
      const look = () => {
        if (!waiting) return
        if (this.#violation) {
          fail(`the server breaks a rule: ${this.#violation.message}`)
          return
        }
        const found = probe()
        if (found !== undefined) {
          settle()
          resolve(found)
        } else if (this.#ended) {
          fail(`${what} did not come: the server has ended the connection`)
        } else {
          this.#wake.push(look)
        }
      }
      look()
    })
  }
}

const SENT_OPCODES: readonly number[] = [OPCODE.text, OPCODE.close, OPCODE.ping, OPCODE.pong]

/** Whether a code may stand in a close frame (RFC 6455, 7.4, and the registry that it began). */
function isSendable(code: number): boolean {
  return (
    (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999)
  )
}

function must(holds: boolean, rule: string): void {
  if (!holds) throw new Error(rule)
}
