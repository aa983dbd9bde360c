import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

const MAIN = fileURLToPath(new URL('../../build/main.js', import.meta.url))
const DEADLINE_MS = 30_000

/** A server of our own, as a process. */
export interface ServerProcess {
  /** ws://127.0.0.1:PORT/chat */
  readonly url: string
  /** http://127.0.0.1:PORT */
  readonly http: string
  readonly port: number
  readonly child: ChildProcess
  /** What it has logged so far, a line each. */
  readonly lines: readonly string[]
  /** Resolves with how the process ended. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/**
 * Starts the server on a free port and waits until it listens; it ends with the test.
 * @param env variables beside the defaults
 */
export async function startServer(
  t: Pick<Test, 'teardown'>,
  env: Record<string, string> = {},
): Promise<ServerProcess> {
  if (!existsSync(MAIN)) throw new Error('build/main.js is missing: run "npm run build" first')
  const child = spawn(process.execPath, [MAIN], {
    env: { ...process.env, ...clean, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  t.teardown(async () => {
    // The second signal ends it at once, and still by itself, so that what it ran counts as covered.
    for (let signals = 0; signals < 2 && child.exitCode === null && child.signalCode === null; signals += 1) {
      child.kill('SIGTERM')
      await Promise.race([exited, sleep(100, undefined, { ref: false })])
    }
    await Promise.race([exited, sleep(DEADLINE_MS, undefined, { ref: false })])
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await exited
  })
  const lines: string[] = []
  const port = await new Promise<number>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`no start within ${DEADLINE_MS} ms: ${lines.join('\n')}`)),
      DEADLINE_MS,
    )
    const read = (line: string) => {
      lines.push(line)
      const found = /listening: ws:\/\/[^ ]+:(\d+)\/chat/.exec(line)?.[1]
      if (found === undefined) return
      clearTimeout(timer)
      resolve(Number(found))
    }
    createInterface(child.stdout).on('line', read)
    createInterface(child.stderr).on('line', read)
    exited.then(({ code }) => reject(new Error(`ended with ${code}: ${lines.join('\n')}`)), reject)
  })
  return { url: `ws://127.0.0.1:${port}/chat`, http: `http://127.0.0.1:${port}`, port, child, lines, exited }
}

/** So that a developer's own environment does not change what is tested. */
const clean = { HOST: '', ADMIN_TOKEN: '', REDIS_URL: '', LOG_LEVEL: '', NODE_ID: '', TRUST_PROXY: '' }
