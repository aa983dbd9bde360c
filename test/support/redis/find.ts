import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { canInstall, install } from './install.js'
import { binary, DOCKER_IMAGE, docker, type Launcher } from './launcher.js'

const PROGRAMS = ['redis-server', 'valkey-server']
const PROBE_MS = 20_000
const PULL_MS = 120_000
const MISSING =
  'a Redis server is missing: install redis-server or valkey-server (Debian, Ubuntu: apt-get install redis-server; ' +
  'macOS: brew install redis), start a Docker engine, or let REDIS_SERVER be the path of a binary'

export type Found = { readonly launcher: Launcher } | { readonly missing: string }

async function runs(program: string, args: readonly string[], timeout = PROBE_MS): Promise<boolean> {
  return promisify(execFile)(program, args, { timeout }).then(
    () => true,
    () => false,
  )
}

async function onPath(): Promise<Launcher | undefined> {
  for (const program of PROGRAMS) if (await runs(program, ['--version'])) return binary(program)
  return undefined
}

async function withDocker(): Promise<Launcher | undefined> {
  if (!(await runs('docker', ['info']))) return undefined
  const here = await runs('docker', ['image', 'inspect', DOCKER_IMAGE])
  return here || (await runs('docker', ['pull', '--quiet', DOCKER_IMAGE], PULL_MS)) ? docker : undefined
}

async function find(): Promise<Found> {
  const given = process.env.REDIS_SERVER
  if (given) {
    if (await runs(given, ['--version'])) return { launcher: binary(given) }
    return { missing: `REDIS_SERVER is ${given}, which does not run` }
  }
  const launcher = (await onPath()) ?? (await withDocker())
  if (launcher !== undefined) return { launcher }
  if (!canInstall()) return { missing: MISSING }
  const problem = await install()
  const installed = await onPath()
  if (installed !== undefined) return { launcher: installed }
  return { missing: problem === undefined ? MISSING : `${MISSING} (apt-get has been tried: ${problem})` }
}

let found: Promise<Found> | undefined

/** A way to run Redis servers, or a sentence about what to install. It may take minutes: it may have to install one. */
export function findRedis(): Promise<Found> {
  found ??= find()
  return found
}

/**
 * Options for tests that need a Redis server: without one they are skipped, and under CI=true the test fails, too.
 */
export async function needsRedis(t: Pick<Test, 'comment' | 'fail'>): Promise<{ skip: string | false }> {
  const found = await findRedis()
  if ('launcher' in found) return { skip: false }
  t.comment(found.missing)
  if (process.env.CI === 'true') t.fail(found.missing)
  return { skip: found.missing }
}
