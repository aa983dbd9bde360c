import { AssertionError } from 'node:assert'
import { inspect } from 'node:util'
import type { Case, Need, Target } from './case.js'
import { DEADLINE_MS } from './client.js'
import { Context } from './context.js'
import { findSilent, isRefusal } from './reach.js'

/** What became of a case. `report` says why, in lines. */
export type Result =
  | { case: Case; outcome: 'ok' }
  | { case: Case; outcome: 'FAIL'; report: string[]; refused: boolean }
  | { case: Case; outcome: 'SKIP'; report: string[] }

/** The server no longer takes connections. */
export interface Death {
  /** The last case that it took part in; undefined if there was none. */
  after: Case | undefined
  url: string
  why: string
}

/** What became of all cases. */
export interface Outcome {
  results: readonly Result[]
  death: Death | undefined
  /** Cases that the server did not live to see, or to see the end of. */
  notRun: readonly Case[]
}

/** How to run cases. */
export interface RunOptions {
  /** Is told of each case when it is done. */
  tell?: (result: Result) => void
  /** How long a server may take no connections before it counts as dead: it may be started anew by its keeper. */
  graceMs?: number
}

/** Where a case stands in docs/protocol.md, and its sentence. */
export function titleOf({ section, name }: Case): string {
  return `docs/protocol.md ${section}: ${name}`
}

/** Runs one case, or says what it lacks. Never rejects. */
export async function runCase(testCase: Case, target: Target): Promise<Result> {
  const missing = (testCase.needs ?? []).filter((need) => !isMet(need, target))
  if (missing.length > 0) return { case: testCase, outcome: 'SKIP', report: missing.map(optionFor) }
  const context = new Context(target)
  try {
    await testCase.run(context)
    return { case: testCase, outcome: 'ok' }
  } catch (error) {
    const refused = !context.connected && isRefusal(error)
    return { case: testCase, outcome: 'FAIL', report: reportOf(testCase, error, context), refused }
  } finally {
    await context.end()
  }
}

/**
 * Runs cases: those that need no timer one after the other, then those that wait for one, together.
 * Ends early when the server no longer takes connections after a case.
 */
export async function runAll(
  cases: readonly Case[],
  target: Target,
  { tell = () => {}, graceMs = DEADLINE_MS }: RunOptions = {},
): Promise<Outcome> {
  const results: Result[] = []
  let death: Death | undefined
  const isOver = () => death !== undefined
  const run = async (testCase: Case) => {
    const result = await runCase(testCase, target)
    if (isOver()) return // of those that run together, another has said so
    const silent = result.outcome === 'SKIP' ? undefined : await findSilent(target.urls, graceMs)
    if (isOver()) return
    // A case that was refused from its start on was not what ended the server.
    const blameless = silent !== undefined && result.outcome === 'FAIL' && result.refused
    const last = blameless ? results.findLast(({ outcome }) => outcome !== 'SKIP')?.case : testCase
    if (silent !== undefined) death = { ...silent, after: last }
    if (blameless) return
    results.push(result)
    tell(result)
  }
  for (const testCase of cases.filter((one) => !waits(one))) {
    if (!isOver()) await run(testCase)
  }
  if (!isOver()) await Promise.all(cases.filter(waits).map(run))
  const done = new Set(results.map((result) => result.case))
  return { results, death, notRun: cases.filter((one) => !done.has(one)) }
}

/** Whether a case spends its time waiting for a timer of the server. */
export function waits({ needs = [] }: Case): boolean {
  return needs.some((need) => need !== 'load')
}

function isMet(need: Need, target: Target): boolean {
  return need === 'load' ? target.load : target.timers[need] !== undefined
}

function optionFor(need: Need): string {
  return need === 'load'
    ? 'needs --load: it sends many megabytes'
    : `needs --timers "${need}=<ms>": how long this timer of the server is`
}

function reportOf({ section, source }: Case, error: unknown, context: Context): string[] {
  const { lines } = context.transcript
  return [
    ...said(error),
    `see docs/protocol.md ${section}; the source document ${source ? `says so in ${source}` : 'is silent on it'}`,
    ...(lines.length > 0 ? ['what passed (> sent, < received, ! the connection):'] : []),
    ...lines.map((line) => `  ${line}`),
  ]
}

function said(error: unknown): string[] {
  if (!(error instanceof Error)) return [inspect(error)]
  const lines = error.message.split('\n')
  if (!(error instanceof AssertionError) || error.generatedMessage) return lines
  // Behind the message of the case, assert draws what differs; whole values are easier to read.
  return [...lines.slice(0, 1), ...shown('expected', error.expected), ...shown('came', error.actual)]
}

function shown(label: string, value: unknown): string[] {
  const text = inspect(value, { depth: 5, breakLength: 100, maxArrayLength: 20, maxStringLength: 300 })
  return `${label}: ${text}`.split('\n')
}
