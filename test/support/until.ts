import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until `probe` gives something that counts as true, and returns it; fails after the deadline. */
export async function until<T>(what: string, probe: () => T | Promise<T>, deadlineMs = 10_000): Promise<T> {
  const end = performance.now() + deadlineMs
  for (;;) {
    const found = await probe()
    if (found) return found
    if (performance.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms`)
    await sleep(5)
  }
}
