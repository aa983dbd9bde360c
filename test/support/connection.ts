import type { ByteSocket, Connection } from '../../src/chat/connection.js'

/** A socket that takes as much as it is told to, and remembers it. */
class Socket implements ByteSocket {
  readonly writes: Buffer[] = []
  writableLength = 0
  writableNeedDrain = false
  readonly writableHighWaterMark = 16 * 1024
  bytesRead = 0
  bytesWritten = 0
  #corked: Buffer[] | undefined
  /** Whether the kernel takes what is written. */
  takes = true
  #onDrain: (() => void)[] = []

  cork(): void {
    this.#corked ??= []
  }

  uncork(): void {
    if (this.#corked) this.writes.push(Buffer.concat(this.#corked))
    this.#corked = undefined
  }

  write(bytes: Uint8Array): boolean {
    const written = this.#corked ?? this.writes
    written.push(Buffer.from(bytes))
    if (!this.takes) {
      this.writableLength += bytes.length
      this.writableNeedDrain = true
    }
    return this.takes
  }

  once(_event: 'drain', listener: () => void): this {
    this.#onDrain.push(listener)
    return this
  }

  /** The kernel takes everything, from now on. */
  drain(): void {
    this.takes = true
    this.writableLength = 0
    this.writableNeedDrain = false
    for (const listener of this.#onDrain.splice(0)) listener()
  }

  get written(): string {
    return Buffer.concat(this.writes).toString('latin1')
  }
}

/** A connection without a network, for rules about what is written when. */
export class TestConnection implements Connection {
  readonly ip = '192.0.2.1'
  readonly socket = new Socket()
  open = true
  pings = 0
  closed: { code: number; reason: string } | undefined
  terminated = false
  reading = true

  ping(): void {
    this.pings += 1
  }

  close(code: number, reason: string): void {
    this.open = false
    this.closed = { code, reason }
  }

  terminate(): void {
    this.open = false
    this.terminated = true
  }

  pause(): void {
    this.reading = false
  }

  resume(): void {
    this.reading = true
  }
}
