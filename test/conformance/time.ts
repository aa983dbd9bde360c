import { setTimeout as sleep } from 'node:timers/promises'

/** Clocks of two machines do not tick alike: this much of a timer must have passed before what it brings. */
export const MOST_OF = 0.9

/** Does something again and again, until `end` is settled. Rejects when `end` does. */
export async function meanwhile(end: Promise<void>, everyMs: number, act: () => void): Promise<void> {
  let over = false
  const ended = end.finally(() => {
    over = true
  })
  while (!over) {
    act()
    await Promise.race([ended, sleep(everyMs)])
  }
  await ended
}
