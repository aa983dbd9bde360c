/** What the suite prints. */
import { type Case, type Origin, originOf } from './case.js'
import { type Death, type Outcome, type Result, titleOf, waits } from './run.js'

const ORIGINS: readonly (readonly [origin: Origin, what: string])[] = [
  ['source', 'what the source document says'],
  ['decision', "what Tertulia's protocol decided where it is silent"],
]

/** One case, when it is done. */
export function printResult(result: Result): void {
  const line = lineOf(result.outcome, result.case)
  if (result.outcome === 'ok') console.log(line)
  else if (result.outcome === 'SKIP') console.log(`${line} (${result.report.join('; ')})`)
  else console.log([line, ...result.report].join('\n         '))
}

/** All of it, at the end: what failed, what was not checked and why, and the totals. */
export function printOutcome({ results, death, notRun }: Outcome): void {
  console.log()
  for (const one of notRun) console.log(lineOf('not run', one))
  for (const { case: one, outcome } of results) if (outcome === 'FAIL') console.log(lineOf(outcome, one))
  const lacking = results.flatMap((result) => (result.outcome === 'SKIP' ? result.report : []))
  for (const why of new Set(lacking)) console.log(`NOT CHECKED: what ${why}`)
  if (death !== undefined) console.log(sentenceOf(death))
  for (const [origin, what] of ORIGINS) {
    const isOf = (one: Case) => originOf(one) === origin
    const of = results.filter((result) => isOf(result.case))
    const missed = notRun.filter(isOf).length
    if (of.length + missed > 0) console.log(`${origin.padEnd(8)}  ${totalOf(of, missed)} (${what})`)
  }
}

function lineOf(outcome: Result['outcome'] | 'not run', one: Case): string {
  return `${outcome.padEnd(7)}  ${originOf(one).padEnd(8)}  ${titleOf(one)}`
}

function sentenceOf({ after, url, why }: Death): string {
  const end = `DIED: ${url} takes no more connections (${why}).`
  if (after === undefined) return `${end} No case was run: looking whether it is there was enough.`
  const together = waits(after) ? ', or in one that ran at the same time' : ''
  return `${end} It died in this case or right after it${together}:\n         ${titleOf(after)}`
}

function totalOf(results: readonly Result[], missed: number): string {
  const count = (outcome: Result['outcome']) => results.filter((result) => result.outcome === outcome).length
  const run = `${count('ok')} ok, ${count('FAIL')} failed, ${count('SKIP')} skipped`
  return missed > 0 ? `${run}, ${missed} not run` : run
}
