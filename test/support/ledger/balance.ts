import { setTimeout as sleep } from 'node:timers/promises'
import type { Excuses } from './deliveries.js'
import type { Ledger } from './ledger.js'
import { isComplete, type List } from './lists.js'
import type { Participant } from './participant.js'

/** How long it may take until everyone has been told everything. */
const DEADLINE_MS = 20_000
const STEP_MS = 20

/**
 * Waits until nothing is under way, and returns everything that cannot be: nothing, if all is well. Nobody may talk meanwhile.
 * @param lists asks every server who is present
 */
export async function balance(
  ledger: Ledger,
  participants: readonly Participant[],
  lists: () => Promise<List[]>,
  excuses: Excuses = {},
): Promise<string[]> {
  const present = participants.filter(({ account }) => account.present)
  await Promise.all(present.map((participant) => participant.settle()))
  await attempt(async () => isComplete(ledger.accounts, await lists()))
  const marked = await mark(present)
  let problems: string[] = []
  await attempt(async () => {
    problems = ledger.problems(await lists(), excuses)
    return problems.length === 0
  })
  return marked ? problems : ['when all was mended, not everyone heard what was said', ...problems]
}

/** Behind a broadcast that everyone has seen, nothing can come any more that was before it. */
async function mark(present: readonly Participant[]): Promise<boolean> {
  const [first] = present
  if (first === undefined) return true
  const mark = first.say()
  const seen = await attempt(async () =>
    present.every(({ account }) =>
      account.sights.some((sight) => sight.kind === 'said' && sight.message === mark),
    ),
  )
  await Promise.all(present.map((participant) => participant.settle()))
  return seen
}

/** Tries until it is so, or the time is over: what is not so then shows among the problems. */
async function attempt(probe: () => Promise<boolean>): Promise<boolean> {
  const end = performance.now() + DEADLINE_MS
  while (!(await probe())) {
    if (performance.now() > end) return false
    await sleep(STEP_MS)
  }
  return true
}
