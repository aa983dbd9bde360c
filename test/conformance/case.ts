import type { Context } from './context.js'

/** A timer of the server whose length must be known to check what hangs on it. */
export type TimerName = 'ping' | 'register' | 'idle'

/** What a case cannot do without: a known timer, or leave to put load on the server. */
export type Need = TimerName | 'load'

/** The sections of the source document that say what a server must do. RFC 6455 binds it because 2.1 does. */
export type SourceSection =
  | '2.1'
  | '2.1, by RFC 6455'
  | '3'
  | '4.1'
  | '4.2.1'
  | '4.2.2'
  | '4.3'
  | '4.4'
  | '4.5'
  | '4.6'
  | '5'
  | '6'

/** Who says so: the source document itself, or Tertulia's protocol where that is silent. */
export type Origin = 'source' | 'decision'

/** One point of the protocol: a sentence that must be true of every server. */
export interface Case {
  /** The section of docs/protocol.md that says so. */
  section: string
  /** The section of the source document that says so; without it, the case is about a decision. */
  source?: SourceSection
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

/** Who says what a case checks. */
export function originOf({ source }: Case): Origin {
  return source === undefined ? 'decision' : 'source'
}

/** Makes cases of one section of docs/protocol.md, about what it decided where the source document is silent. */
export function decision(section: string) {
  return (name: string, run: Case['run'], needs: readonly Need[] = []): Case => ({
    section,
    name,
    needs,
    run,
  })
}

/**
 * Makes cases about what the source document itself says.
 * They must pass on every server that does what it shows, whatever that does where it is silent.
 */
export function source(section: string, inSource: SourceSection) {
  return (name: string, run: Case['run']): Case => ({ section, source: inSource, name, run })
}
