import { AutoAway } from './auto-away.js'
import { Keepalive } from './keepalive.js'
import type { NamedSession, Session } from './session.js'

export interface HousekeepingOptions {
  readonly pingIntervalMs: number
  readonly registerTimeoutMs: number
  readonly idleAfterMs: number
}

/** What is to be done with the sessions that time has caught up with. */
export interface HousekeepingActions {
  now(): number
  /** Whether a session's user is ACTIVO. */
  isActive(session: Session): boolean
  /** Not a sign of life for three intervals. */
  onSilent(session: Session): void
  /** Not registered in time. */
  onUnregistered(session: Session): void
  /** Has sent nothing for so long that it becomes INACTIVO. */
  onAway(session: NamedSession): void
}

/** Everything that happens to connections by the clock: three timers for all of them, not one each. */
export class Housekeeping {
  readonly #keepalive: Keepalive
  readonly #timers: NodeJS.Timeout[]

  constructor(sessions: ReadonlySet<Session>, options: HousekeepingOptions, actions: HousekeepingActions) {
    const { registerTimeoutMs } = options
    const keepalive = new Keepalive(options.pingIntervalMs)
    const autoAway = new AutoAway(options.idleAfterMs)
    this.#keepalive = keepalive
    this.#timers = [
      setInterval(() => keepalive.tick(sessions).forEach(actions.onSilent), keepalive.tickMs),
      setInterval(
        () => autoAway.tick(sessions, actions.now(), actions.isActive).forEach(actions.onAway),
        autoAway.tickMs,
      ),
      setInterval(
        () => {
          const late = actions.now() - registerTimeoutMs
          for (const session of sessions) {
            if (session.state === 'new' && session.connectedAt <= late) actions.onUnregistered(session)
          }
        },
        Math.min(1000, registerTimeoutMs / 10),
      ),
    ]
    for (const timer of this.#timers) timer.unref()
  }

  /** To be called for every new connection. */
  watch(session: Session): void {
    this.#keepalive.watch(session)
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
  }
}
