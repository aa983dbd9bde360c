import { randomInt } from 'node:crypto'

/**
 * Below the ports that systems give to outgoing connections, as port 0 would not be: a test that kills a server and starts
 * it again on its port needs it to be free then. Among the others, a client that tries to connect again and again may
 * get just this port for its own end, and so be connected with itself.
 */
const LOWEST = 20_000
const HIGHEST = 30_000
const TRIES = 20

/** Whether `error` says that another one listens on the port. */
function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
}

/** Calls `listen` with a port, and with others while that fails with EADDRINUSE. */
export async function onFreePort<T>(listen: (port: number) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await listen(randomInt(LOWEST, HIGHEST))
    } catch (error) {
      if (!isTaken(error) || tries === TRIES) throw error
    }
  }
}
