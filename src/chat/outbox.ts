import type { Frames } from '../protocol/codec.js'
import type { Connection } from './connection.js'

// What one write takes at most; what is larger than this is a write of its own.
const WRITE_BYTES = 64 * 1024

// Several buffers that are not longer than this are cheaper copied together than handed over one by one.
const COPIED_BYTES = 16 * 1024

/** The part of the cap from which on a client that asks is first left to read. */
const PRESSED = 0.25

/**
 * What waits to be written to one socket. Everything of a turn goes out in one write; what the kernel refuses waits, as
 * references to buffers that many outboxes share.
 */
export class Outbox {
  readonly #connection: Connection
  readonly #maxBytes: number
  /** Whole frames each. */
  #chunks: Frames[] = []
  #bytes = 0
  /** Bytes behind a frame that is larger than the cap by itself; undefined when no such frame waits. */
  #behindLarge: number | undefined
  #armed = false
  #onEmpty: (() => void) | undefined
  #onRelieved: (() => void) | undefined

  /** @param maxBytes the cap: what may wait before the client counts as too slow */
  constructor(connection: Connection, maxBytes: number) {
    this.#connection = connection
    this.#maxBytes = maxBytes
  }

  /** Adds whole frames; they are written with the next {@link flush}. */
  push(frames: Frames): void {
    if (!this.#connection.open) return
    const bytes = lengthOf(frames)
    if (this.#behindLarge !== undefined) this.#behindLarge += bytes
    else if (bytes > this.#maxBytes && this.waiting === 0) this.#behindLarge = 0
    this.#chunks.push(frames)
    this.#bytes += bytes
  }

  /**
   * Adds whole frames and writes what waits. Most of the time nothing does: then they go straight to the socket.
   * @returns true when so little waits afterwards that the outbox cannot be overfull
   */
  deliver(frames: Buffer): boolean {
    const { socket, open } = this.#connection
    const idle = this.#bytes === 0 && this.#behindLarge === undefined
    const fits = this.#onRelieved === undefined && frames.length <= this.#maxBytes
    if (idle && fits && open && !socket.writableNeedDrain)
      return socket.write(frames) && socket.writableHighWaterMark <= this.#maxBytes
    this.push(frames)
    this.flush()
    return false
  }

  /** Bytes that the kernel has not taken. */
  get waiting(): number {
    return this.#bytes + this.#connection.socket.writableLength
  }

  /**
   * Whether more waits than the cap allows. A single frame larger than the cap passes if nothing waited before it; then
   * only what is behind it counts, until it has gone.
   */
  get overfull(): boolean {
    const waiting = this.waiting
    if (this.#behindLarge !== undefined && waiting <= this.#behindLarge) this.#behindLarge = undefined
    return (this.#behindLarge ?? waiting) > this.#maxBytes
  }

  /** Whether so much waits that answers had better wait, too. */
  get pressed(): boolean {
    return this.#connection.open && this.waiting > this.#maxBytes * PRESSED
  }

  /** Whether answers wait: so much waits, or so much has waited that they wait until all of it has gone. */
  get holdsBack(): boolean {
    return this.pressed || this.#onRelieved !== undefined
  }

  /** Calls back once, when {@link pressed} is over. */
  onceRelieved(callback: () => void): void {
    this.#onRelieved = callback
    if (this.#connection.socket.writableNeedDrain) this.#continueOnDrain()
  }

  /** Writes what waits, as far as the socket takes it; the rest follows by itself. */
  flush(): void {
    if (!this.#connection.open) this.discard()
    const { socket } = this.#connection
    while (this.#chunks.length > 0) {
      if (socket.writableNeedDrain) {
        this.#continueOnDrain()
        return
      }
      write(socket, this.#take())
    }
    this.#emptied()
    if (this.#onRelieved === undefined) return
    if (this.pressed) {
      this.#continueOnDrain()
      return
    }
    const callback = this.#onRelieved
    this.#onRelieved = undefined
    callback()
  }

  /** Drops what waits. */
  discard(): void {
    this.#chunks = []
    this.#bytes = 0
  }

  /** Calls back once, when everything has been handed to the socket. */
  onceEmpty(callback: () => void): void {
    this.#onEmpty = callback
    this.flush()
  }

  #emptied(): void {
    const callback = this.#onEmpty
    this.#onEmpty = undefined
    callback?.()
  }

  /** The next bytes for one write: whole frames, since others write to the socket, too (control frames). */
  #take(): readonly Buffer[] {
    let count = 0
    let length = 0
    for (const chunk of this.#chunks) {
      const more = lengthOf(chunk)
      if (count > 0 && length + more > WRITE_BYTES) break
      count += 1
      length += more
    }
    this.#bytes -= length
    return this.#chunks.splice(0, count).flat()
  }

  #continueOnDrain(): void {
    if (this.#armed) return
    this.#armed = true
    this.#connection.socket.once('drain', () => {
      this.#armed = false
      this.flush()
    })
  }
}

function lengthOf(frames: Frames): number {
  return Buffer.isBuffer(frames) ? frames.length : frames.reduce((sum, { length }) => sum + length, 0)
}

/** Hands buffers to a socket in one go. */
function write(socket: Connection['socket'], buffers: readonly Buffer[]): void {
  const [first] = buffers
  if (buffers.length === 1 && first !== undefined) {
    socket.write(first)
  } else if (lengthOf(buffers) <= COPIED_BYTES) {
    socket.write(Buffer.concat(buffers))
  } else {
    socket.cork()
    for (const buffer of buffers) socket.write(buffer)
    socket.uncork()
  }
}
