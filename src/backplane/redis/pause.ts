import { setTimeout as sleep } from 'node:timers/promises'

const LEAST_MS = 50
const SPREAD_MS = 100

/** Between two tries of something that failed: short, and not all nodes at the same moment. */
export async function pause(): Promise<void> {
  await sleep(LEAST_MS + Math.random() * SPREAD_MS)
}
