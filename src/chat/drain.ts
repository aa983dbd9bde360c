import { setTimeout as sleep } from 'node:timers/promises'

const STEP_MS = 10

/** How many of `count` have had their turn when `elapsedMs` of `spreadMs` have gone by: the first at once, the last before the end. */
export function drainedBy(count: number, elapsedMs: number, spreadMs: number): number {
  if (elapsedMs >= spreadMs) return count
  return Math.min(count, Math.floor((elapsedMs / spreadMs) * count) + 1)
}

/** Gives every item its turn, evenly spread over `spreadMs`, so that not all clients come back at the same moment. */
export async function drain<T>(
  items: readonly T[],
  spreadMs: number,
  turn: (item: T) => void,
): Promise<void> {
  const start = performance.now()
  let done = 0
  while (done < items.length) {
    const until = drainedBy(items.length, performance.now() - start, spreadMs)
    for (const item of items.slice(done, until)) turn(item)
    done = Math.max(done, until)
    if (done < items.length) await sleep(STEP_MS)
  }
}
