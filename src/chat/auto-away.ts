import { awayQuota } from '../room/away.js'
import type { NamedSession, Session } from './session.js'

const LONGEST_TICK_MS = 1000

/** Finds the sessions that have sent nothing for so long that they become INACTIVO (protocol 1.4). One timer for all. */
export class AutoAway {
  /** How often {@link tick} is to be called, in milliseconds. */
  readonly tickMs: number
  readonly #idleAfterMs: number

  constructor(idleAfterMs: number) {
    this.#idleAfterMs = idleAfterMs
    this.tickMs = Math.min(LONGEST_TICK_MS, idleAfterMs / 10)
  }

  /**
   * @param isActive whether a session is ACTIVO
   * @returns those whose turn it is; many at once are spread over several ticks, who was silent longest first
   */
  tick(sessions: Iterable<Session>, now: number, isActive: (session: Session) => boolean): NamedSession[] {
    const due: NamedSession[] = []
    for (const session of sessions) {
      const silent =
        session.state === 'present' && session.settled && now - session.activeAt >= this.#idleAfterMs
      if (silent && !session.away && session.isNamed() && isActive(session)) due.push(session)
    }
    due.sort((a, b) => a.activeAt - b.activeAt)
    const oldestDueAt = (due[0]?.activeAt ?? now) + this.#idleAfterMs
    return due.slice(0, awayQuota(due.length, oldestDueAt, now, this.tickMs))
  }
}
