import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../until.js'
import { type Access, call, type Reply } from './call.js'
import { findRedis } from './find.js'
import type { Run } from './launcher.js'
import { Watchdog } from './watchdog.js'

const START_MS = 30_000
const END_MS = 20_000

class PortTaken extends Error {
  readonly code = 'EADDRINUSE'
}

/** How one server differs from others. */
export interface Setup {
  /** Lines of its configuration. */
  readonly lines: readonly string[]
  /** Arguments after the configuration file. */
  readonly args?: readonly string[] | undefined
  readonly access: Access
  /** Directories of files that it has to read. */
  readonly reads?: readonly string[] | undefined
}

/** A value in a configuration file. */
export const quote = (value: string) => `"${value.replace(/["\\]/g, '\\$&')}"`

/** A server on 127.0.0.1 with a port and a directory of its own, which outlive its process. */
export class Instance {
  readonly port: number
  readonly #setup: Setup
  readonly #directory = mkdtempSync(join(tmpdir(), 'redis-test-'))
  readonly #config = join(this.#directory, 'redis.conf')
  readonly #data = join(this.#directory, 'data')
  readonly #watchdog = new Watchdog(this.#directory)
  #run: Run | undefined
  #closed = false

  constructor(setup: Setup) {
    this.#setup = setup
    this.port = setup.access.port
    const lines = [
      ...['bind 127.0.0.1', 'protected-mode yes', 'daemonize no', 'logfile ""', `dir ${quote(this.#data)}`],
      ...setup.lines,
    ]
    // Servers write into it what they are told by SENTINEL and CONFIG REWRITE: it is as much theirs as their data.
    writeFileSync(this.#config, `${lines.join('\n')}\n`)
    mkdirSync(this.#data)
  }

  /** Of the process that runs or was the last to run; with Docker, of its client. */
  get pid(): number {
    const pid = this.#run?.child.pid
    if (pid === undefined) throw new Error('it has not been started')
    return pid
  }

  /** The last of what the process has printed. */
  get output(): string {
    return this.#run?.output ?? ''
  }

  /** Sends one command over a connection of its own; an error of the server becomes a {@link ReplyError}. */
  call(...command: string[]): Promise<Reply> {
    return call(this.#setup.access, command)
  }

  /** A field of what INFO says. */
  async info(section: string, field: string): Promise<string | undefined> {
    const lines = String(await this.call('INFO', section)).split('\r\n')
    return lines.find((line) => line.startsWith(`${field}:`))?.slice(field.length + 1)
  }

  /** Ends it as a crash would, paused or not. What it has written to files stays. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Ends it as an operator would. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  /** Starts it on the same port with the files that it had; kills it first if it runs. */
  async restart(): Promise<void> {
    await this.kill()
    await this.boot()
  }

  /** It keeps its connections and takes new ones, but does nothing until {@link resume}. */
  async pause(): Promise<void> {
    await this.#run?.signal('SIGSTOP')
  }

  async resume(): Promise<void> {
    await this.#run?.signal('SIGCONT')
  }

  /** Kills it for good and removes its directory. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.kill()
    this.#watchdog.dismiss()
    // A child that it forked to write a file may still be at it.
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 10 })
  }

  /** Resolves once it answers. */
  protected async boot(): Promise<void> {
    if (this.#closed) throw new Error('it has been closed')
    const found = await findRedis()
    if ('missing' in found) throw new Error(found.missing)
    const { args = [], reads = [] } = this.#setup
    const run = found.launcher.launch([this.#config, ...args], [this.#directory, ...reads])
    this.#run = run
    this.#watchdog.guard(...run.killCommand)
    run.child.once('exit', () => {
      if (!this.#closed) this.#watchdog.guard()
    })
    await this.#answers(run)
  }

  protected removeData(): void {
    rmSync(this.#data, { recursive: true, maxRetries: 10 })
    mkdirSync(this.#data)
  }

  async #answers(run: Run): Promise<void> {
    let last: unknown
    try {
      await until(
        'an answer to PING',
        async () => {
          if (run.ended) throw new Error('the server ended')
          try {
            await this.call('PING')
            // Another server may have the port, while this one is about to find that out.
            return (await this.info('server', 'config_file')) === this.#config
          } catch (error) {
            last = error
            return false
          }
        },
        START_MS,
      )
    } catch (error) {
      await this.kill()
      await run.closed
      if (/address already in use/i.test(run.output)) throw new PortTaken(`port ${this.port} is taken`)
      throw new Error(`${error}\nlast: ${last}\nIts output:\n${run.output}`)
    }
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const run = this.#run
    if (run === undefined || run.ended) return
    await run.signal(signal)
    if (signal === 'SIGTERM') await run.signal('SIGCONT')
    await Promise.race([run.exited, sleep(END_MS, undefined, { ref: false })])
    if (run.ended) return
    throw new Error(`not ended within ${END_MS} ms after ${signal}:\n${run.output}`)
  }
}
