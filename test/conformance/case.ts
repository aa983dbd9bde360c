import type { Context } from './context.js'

/** A timer of the server whose length must be known to check what hangs on it. */
export type TimerName = 'ping' | 'register' | 'idle'

/** What a case cannot do without: a known timer, or leave to put load on the server. */
export type Need = TimerName | 'load'

/** One point of the protocol: a sentence that must be true of every server. */
export interface Case {
  /** The section of the protocol that says so. */
  section: string
  name: string
  needs?: readonly Need[]
  run(context: Context): Promise<void>
}

/** The server under test, and what is known about it. */
export interface Target {
  /** `ws://host:port/chat`; of a cluster those of several nodes, over which the connections of a case are spread. */
  urls: readonly [string, ...string[]]
  /** How long its timers are, in milliseconds, as far as known. */
  timers: Readonly<Partial<Record<TimerName, number>>>
  /** Whether it may be sent tens of megabytes. */
  load: boolean
}

/** Makes cases of one section. */
export function section(number: string) {
  return (name: string, run: Case['run'], needs: readonly Need[] = []): Case => ({
    section: number,
    name,
    needs,
    run,
  })
}
