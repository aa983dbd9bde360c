import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from './client.js'

const AGAIN_MS = 100

/** Opens a connection and drops it. Returns why that failed; undefined if it did not. */
export async function whyUnreachable(url: string): Promise<string | undefined> {
  try {
    const client = await Client.open(url)
    client.break()
    await client.closed()
    return undefined
  } catch (error) {
    return reasonOf(error)
  }
}

/** The first of the servers that takes no connection for `graceMs`, and why; undefined if all do. */
export async function findSilent(
  urls: readonly string[],
  graceMs: number,
): Promise<{ url: string; why: string } | undefined> {
  for (const url of urls) {
    const end = Date.now() + graceMs
    for (;;) {
      const why = await whyUnreachable(url)
      if (why === undefined) break
      if (Date.now() >= end) return { url, why }
      await sleep(AGAIN_MS)
    }
  }
  return undefined
}

/** Whether an error says that nobody listens. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED'
}

/** An error in words. Node gives none of its own to one that stands for several, as of all addresses of a name. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}
