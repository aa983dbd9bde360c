/** When to come back (protocol 1.5, part 2). Pure. */

/** Close codes after which a client does not come back by itself: by the registry of the server. */
const FINAL: readonly number[] = [1007, 1009, 4001, 4003, 4004, 4005]

/** 1013: come back later. */
const TOO_SLOW = 1013
const LATER = 4

/** Whether a client that did not ask to leave comes back by itself after a connection has ended like this. */
export function comesBack(closeCode: number): boolean {
  return !FINAL.includes(closeCode)
}

/** The number of the first pause to take after a connection has ended like this, if so many have been taken already. */
export function attemptAfter(closeCode: number | undefined, attempts: number): number {
  return closeCode === TOO_SLOW ? Math.max(attempts, LATER) : attempts
}

/**
 * How long to wait before connecting again, in milliseconds: twice as long each time, up to the cap, and of that between a half and the
 * whole, so that those whom a server has lost at once do not come back at once.
 * @param attempt 0 for the first pause
 * @param random 0 ≤ number < 1
 */
export function backoffMs(attempt: number, random: number, baseMs: number, capMs: number): number {
  return Math.min(capMs, baseMs * 2 ** attempt) * (0.5 + random / 2)
}
