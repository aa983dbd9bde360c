import { spawn } from 'node:child_process'

/**
 * Reads commands, a line each, and runs the last one once its input ends, which the end of this process brings about however it
 * comes. Then it removes the directory $1.
 */
const SCRIPT = 'last=; while read -r line; do last=$line; done; $last; rm -rf "$1"'

/** Ends a server and removes its directory when this process ends, even when it is killed. */
export class Watchdog {
  readonly #child

  constructor(directory: string) {
    // In a session of its own, so that it survives what Ctrl-C sends to all.
    this.#child = spawn('sh', ['-c', SCRIPT, 'watchdog', directory], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    })
    this.#child.unref()
  }

  /** @param command what ends the server; without one, none runs */
  guard(...command: string[]): void {
    this.#child.stdin.write(`${command.join(' ')}\n`)
  }

  /** Nothing is left to end or remove. */
  dismiss(): void {
    this.#child.stdin.end('\n')
  }
}
