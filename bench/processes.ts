/** Processes that are measured: started on a core of their own, and asked what memory they hold. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** The cores that this process may use. */
export function cores(): number[] {
  const list = /^Cpus_allowed_list:\s+(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}

/** The core of everything that is measured, and the core of what puts load on it. */
export const [SERVER_CORE = 0, LOAD_CORE = 1] = cores()

/** Where a program is: in the search path, or where Debian puts those of administrators. */
export function findProgram(name: string): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(':'), '/usr/sbin']
  return directories.map((directory) => join(directory, name)).find(existsSync)
}

const START_MS = 30_000

export interface Started {
  readonly pid: number
  readonly port: number
  stop(): Promise<void>
}

/** Binds a process that runs, with all its threads, to one core. */
export function pin(pid: number, core: number): void {
  execFileSync('taskset', ['-a', '-c', '-p', String(core), String(pid)], { stdio: 'ignore' })
}

/**
 * Starts a server on a core and waits until it says where it listens.
 * @param listening finds the port in a line of its output
 */
export async function startServer(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  listening = /listening: (\d+)/,
): Promise<Started> {
  const child = spawn('taskset', ['-c', String(SERVER_CORE), ...command], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit')
  const port = await portOf(child, exited, listening)
  if (child.pid === undefined) throw new Error(`${command[0]} has no pid`)
  return {
    // taskset becomes what it starts.
    pid: child.pid,
    port,
    async stop() {
      child.kill('SIGKILL')
      await exited
    },
  }
}

async function portOf(child: ChildProcess, exited: Promise<unknown>, listening: RegExp): Promise<number> {
  const lines: string[] = []
  return new Promise((resolve, reject) => {
    const fail = (why: string) =>
      reject(new Error(`${child.spawnargs.join(' ')}: ${why}\n${lines.join('\n')}`))
    const timer = setTimeout(() => fail('does not listen'), START_MS)
    const read = (line: string) => {
      if (lines.length < 100) lines.push(line)
      const found = listening.exec(line)?.[1]
      if (found === undefined) return
      clearTimeout(timer)
      resolve(Number(found))
    }
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface(stream).on('line', read)
    }
    void exited.then(() => fail('has ended'))
    child.once('error', (error) => fail(error.message))
  })
}

/** Resident memory of a process, in bytes. */
export function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  if (kilobytes === undefined) throw new Error(`no memory of process ${pid}`)
  return Number(kilobytes) * 1024
}

/** CPU time of a process up to now, in µs; exact to 10 ms. */
export function cpuMicros(pid: number): number {
  // The name may hold spaces and brackets; what comes behind it does not. Fields 14 and 15 of proc(5), in hundredths of a second.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}
