/** Drives the load generator (native/load.c): one command a line, one JSON object back. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Contender } from './contenders.js'
import { LOAD_CORE } from './processes.js'

const LOAD = fileURLToPath(new URL('native/build/load', import.meta.url))

const Usage = {
  /** How long it was measured. */
  seconds: Type.Number(),
  /** The part of its core that the load generator was busy. */
  loadBusy: Type.Number(),
  /** CPU time of each process of the contender. */
  cpuMicros: Type.Array(Type.Number()),
  /** How often each of them called write. */
  writes: Type.Array(Type.Number()),
}

const Opened = Type.Object({ ...Usage, clients: Type.Number(), answerBytes: Type.Number() })
const Closed = Type.Object({ ...Usage, clients: Type.Number() })
const Asked = Type.Object({ ...Usage, answers: Type.Number(), answerBytes: Type.Number() })
const Talked = Type.Object({
  ...Usage,
  /** Messages that came to clients, and messages that senders sent, while it was measured. */
  deliveries: Type.Number(),
  sent: Type.Number(),
  /** Of the whole run: what never came, came before an earlier one, came again; and clients that the server closed. */
  missing: Type.Number(),
  outOfOrder: Type.Number(),
  repeated: Type.Number(),
  closed: Type.Number(),
  p50Micros: Type.Number(),
  p99Micros: Type.Number(),
})

export type Opened = Static<typeof Opened>
export type Closed = Static<typeof Closed>
export type Asked = Static<typeof Asked>
export type Talked = Static<typeof Talked>

/** How messages are sent: each sender has some of its own on their way, or all together send at a rate (messages a second). */
export interface Talk {
  readonly senders: number
  readonly inFlight?: number
  readonly rate?: number
  /** Of the text; what is around it comes on top. */
  readonly bytes: number
  readonly warmUpMs: number
  readonly measureMs: number
}

export interface Load {
  /** Connects and registers so many more; of `small` ones the kernel keeps little that they have not read. */
  open(clients: number, small?: boolean): Promise<Opened>
  /** Everyone hears what the senders say. */
  talk(talk: Talk): Promise<Talked>
  /** Each sender writes to one client of the next port. */
  privately(talk: Talk): Promise<Talked>
  /** Askers with one question each on its way. */
  ask(what: 'list' | 'info', askers: number, measureMs: number): Promise<Asked>
  /** Those that are small read nothing more. */
  deafen(): Promise<void>
  /** Ends all connections at once, and waits until nobody is busy with that any more. */
  close(): Promise<Closed>
  stop(): Promise<void>
}

export async function startLoad({ dialect, ports, pids }: Contender): Promise<Load> {
  const child = spawn('taskset', ['-c', String(LOAD_CORE), LOAD, dialect, ports.join(',')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()

  async function command(name: string, options: Readonly<Record<string, number | string>> = {}) {
    const words = Object.entries(options).map(([key, value]) => `${key}=${value}`)
    child.stdin.write(`${[name, ...words].join(' ')}\n`)
    const line = await lines.next()
    if (line.done) throw new Error(`the load generator ended in "${name}"`)
    const answer: unknown = JSON.parse(line.value)
    return answer
  }
  const said = ({ senders, inFlight = 0, rate = 0, bytes, warmUpMs, measureMs }: Talk) => {
    return { senders, inflight: inFlight, rate, bytes, warmup: warmUpMs, measure: measureMs }
  }

  await command('watch', { pids: pids.join(',') })
  return {
    open: async (clients, small = false) =>
      Value.Parse(Opened, await command('open', { clients, small: Number(small) })),
    talk: async (talk) => Value.Parse(Talked, await command('talk', said(talk))),
    privately: async (talk) => Value.Parse(Talked, await command('private', said(talk))),
    ask: async (what, senders, measure) =>
      Value.Parse(Asked, await command('ask', { what, senders, warmup: 100, measure })),
    deafen: async () => void (await command('deafen')),
    close: async () => Value.Parse(Closed, await command('close')),
    async stop() {
      child.stdin.end()
      await exited
    },
  }
}
