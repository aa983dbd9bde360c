import type { Session } from './session.js'

/** A connection that was silent for so many intervals is ended (protocol 1.1). */
const MAX_SILENT_INTERVALS = 3

/** Pings are spread over the interval: a tick is for one of so many parts of the connections. */
const PARTS = 16

/** Pings every connection once an interval, and finds those that are silent. One timer for all of them. */
export class Keepalive {
  /** How often {@link tick} is to be called, in milliseconds. */
  readonly tickMs: number
  #ticks = 0
  #joined = 0

  /** @param intervalMs between two pings of a connection */
  constructor(intervalMs: number) {
    this.tickMs = intervalMs / PARTS
  }

  /** Gives a new connection its part. */
  watch(session: Session): void {
    session.pulse.part = this.#joined % PARTS
    this.#joined += 1
  }

  /**
   * Pings the connections whose turn it is. Any byte received counts as life; not being read does not count as silence, unless it is because
   * the client itself does not read, not a byte.
   * @returns those that have been silent for three intervals
   */
  tick(sessions: Iterable<Session>): Session[] {
    const part = this.#ticks % PARTS
    this.#ticks += 1
    const silent: Session[] = []
    for (const session of sessions) {
      const { pulse, connection } = session
      if (pulse.part !== part) continue
      const { bytesRead, bytesWritten, writableLength } = connection.socket
      const taken = bytesWritten - writableLength
      const deaf = session.outbox.holdsBack && taken === pulse.taken
      const nothing = bytesRead === pulse.bytesRead && (!session.paused || deaf)
      pulse.silent = nothing ? pulse.silent + 1 : 0
      pulse.bytesRead = bytesRead
      pulse.taken = taken
      if (pulse.silent >= MAX_SILENT_INTERVALS) silent.push(session)
      else connection.ping()
    }
    return silent
  }
}
