import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'

export const DOCKER_IMAGE = 'redis:7'
const OUTPUT_KEPT = 20_000

/** A way to run redis-server. */
export interface Launcher {
  /** @param directories what it may read and write; it runs in the first one */
  launch(args: readonly string[], directories: readonly [string, ...string[]]): Run
}

/** A server process, from its start to its end. */
export class Run {
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  /** The command that ends it from outside of this process. */
  readonly killCommand: readonly string[]
  readonly signal: (name: NodeJS.Signals) => Promise<void>
  /** Resolves once the process has ended. */
  readonly exited: Promise<void>
  /** Resolves once all that it printed is in `output`, too. */
  readonly closed: Promise<void>
  ended = false
  /** The last of what it printed. */
  output = ''

  constructor(
    child: ChildProcessByStdio<null, Readable, Readable>,
    killCommand: readonly string[],
    signal: (name: NodeJS.Signals) => Promise<void>,
  ) {
    this.child = child
    this.killCommand = killCommand
    this.signal = signal
    const keep = (text: string) => {
      this.output = (this.output + text).slice(-OUTPUT_KEPT)
    }
    child.stdout.setEncoding('utf8').on('data', keep)
    child.stderr.setEncoding('utf8').on('data', keep)
    this.exited = new Promise((resolve) => {
      const end = () => {
        this.ended = true
        resolve()
      }
      child.once('exit', end)
      child.on('error', (error) => {
        keep(String(error))
        if (child.pid === undefined) end()
      })
    })
    this.closed = once(child, 'close').then(() => {})
  }
}

/** Runs a binary of this machine. */
export function binary(program: string): Launcher {
  return {
    launch(args, [cwd]) {
      const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
      return new Run(child, ['kill', '-9', String(child.pid)], async (name) => {
        child.kill(name)
      })
    },
  }
}

/** Runs the image in this machine's network, as this user and with the same paths, so that it looks like a binary. */
export const docker: Launcher = {
  launch(args, directories) {
    const name = `redis-test-${randomUUID()}`
    const options = ['--rm', '--name', name, '--network', 'host', '--workdir', directories[0]]
    const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`
    const volumes = directories.flatMap((directory) => ['--volume', `${directory}:${directory}`])
    const child = spawn(
      'docker',
      ['run', ...options, '--user', user, ...volumes, '--entrypoint', 'redis-server', DOCKER_IMAGE, ...args],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    return new Run(child, ['docker', 'rm', '--force', name], async (signal) => {
      // Docker's client passes on neither SIGKILL nor SIGSTOP.
      await promisify(execFile)('docker', ['kill', '--signal', signal, name])
    })
  },
}
