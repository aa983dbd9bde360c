/** When silent users become INACTIVO (protocol 1.4, auto-away). Pure: times are milliseconds, passed in. */

/** Over how long many who fall silent at once are spread. */
export const AWAY_SPREAD_MS = 60_000

// So few at a time that spreading them would only be late.
const AT_ONCE = 20

/**
 * How many may become INACTIVO at this tick, so that all who are due have had their turn within {@link AWAY_SPREAD_MS}.
 * @param due how many are due
 * @param oldestDueAt since when the first of them is
 */
export function awayQuota(due: number, oldestDueAt: number, now: number, tickMs: number): number {
  const left = Math.max(oldestDueAt + AWAY_SPREAD_MS - now, tickMs)
  return Math.min(due, Math.max(AT_ONCE, Math.ceil((due * tickMs) / left)))
}
