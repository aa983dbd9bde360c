import type { WebSocket } from '@fastify/websocket'
import type { Connection } from '../chat/connection.js'

/** So many pings are answered each in a turn of the event loop; of more, the last one is (RFC 6455, 5.5.3). */
const PONGS_A_TURN = 50

/** A client that leaves so much unread gets no pong: of pings the last one is answered when it reads. */
const PONG_WAITING_BYTES = 1024 * 1024

/** Answers pings, however many come at once, without ever holding more than a few. */
export class Pongs {
  readonly #ws: WebSocket
  readonly #connection: Connection
  /** How many were answered in this turn, and the last one that was not. */
  #answered = 0
  #last: Buffer | undefined
  #scheduled = false
  #waits = false

  constructor(ws: WebSocket, connection: Connection) {
    this.#ws = ws
    this.#connection = connection
  }

  answer(ping: Buffer): void {
    if (this.#answered < PONGS_A_TURN && this.#connection.socket.writableLength < PONG_WAITING_BYTES) {
      this.#answered += 1
      this.#last = undefined
      this.#pong(ping)
    } else {
      // A part of what was read would keep all of it.
      this.#last = Buffer.from(ping)
    }
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#endTurn())
  }

  #endTurn(): void {
    this.#scheduled = false
    this.#answered = 0
    if (this.#last === undefined || !this.#connection.open) return
    if (this.#connection.socket.writableLength < PONG_WAITING_BYTES) this.answer(this.#last)
    else this.#onDrain()
  }

  #onDrain(): void {
    if (this.#waits) return
    this.#waits = true
    this.#connection.socket.once('drain', () => {
      this.#waits = false
      if (this.#last !== undefined) this.answer(this.#last)
    })
  }

  #pong(ping: Buffer): void {
    if (this.#connection.open) this.#ws.pong(ping)
  }
}
