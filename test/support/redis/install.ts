import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Less than tap gives a test file. */
const DEADLINE_MS = 200_000
const LOCK = join(tmpdir(), 'redis-server-install.lock')

/** The policy keeps the package from starting a service; one that is there already is left as it is. */
const SCRIPT = `
set -e
if command -v redis-server >/dev/null; then exit 0; fi
policy=/usr/sbin/policy-rc.d
if (set -C; printf '#!/bin/sh\\nexit 101\\n' >"$policy") 2>/dev/null; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  chmod 755 "$policy"
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server
`

/** Whether this is a system on which {@link install} may try. */
export const canInstall = () => process.getuid?.() === 0 && existsSync('/etc/debian_version')

/**
 * Installs Debian's package redis-server; of test files that run at the same time, one does and the others wait for it.
 * @returns the last that it said, if something went wrong
 */
export async function install(): Promise<string | undefined> {
  const directory = mkdtempSync(join(tmpdir(), 'redis-install-'))
  const log = openSync(join(directory, 'log'), 'w')
  // On its own and with a file for its output, so that the end of this process does not leave a package half installed.
  const child = spawn('flock', [LOCK, 'sh', '-c', SCRIPT], { detached: true, stdio: ['ignore', log, log] })
  try {
    const [code] = await once(child, 'exit', { signal: AbortSignal.timeout(DEADLINE_MS) })
    return code === 0 ? undefined : readFileSync(join(directory, 'log'), 'utf8').trim().split('\n').at(-1)
  } catch (error) {
    child.unref()
    return String(error)
  } finally {
    closeSync(log)
    rmSync(directory, { recursive: true })
  }
}
