import { AssertionError } from 'node:assert'
import { inspect } from 'node:util'
import type { Case, Need, Target } from './case.js'
import { Context } from './context.js'

/** What became of a case. `report` says why, in lines. */
export type Result =
  | { case: Case; outcome: 'ok' }
  | { case: Case; outcome: 'FAIL'; report: string[] }
  | { case: Case; outcome: 'SKIP'; report: string[] }

/** The section and the sentence of a case. */
export function titleOf({ section, name }: Case): string {
  return `${section} ${name}`
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
    return { case: testCase, outcome: 'FAIL', report: reportOf(testCase, error, context) }
  } finally {
    await context.end()
  }
}

/**
 * Runs cases: those that need no timer one after the other, then those that wait for one, together.
 * @param tell is told of each case when it is done
 */
export async function runAll(
  cases: readonly Case[],
  target: Target,
  tell: (result: Result) => void = () => {},
): Promise<Result[]> {
  const results: Result[] = []
  const run = async (testCase: Case) => {
    const result = await runCase(testCase, target)
    results.push(result)
    tell(result)
  }
  for (const testCase of cases.filter((one) => !waits(one))) await run(testCase)
  await Promise.all(cases.filter(waits).map(run))
  return results
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

function reportOf({ section }: Case, error: unknown, context: Context): string[] {
  const { lines } = context.transcript
  return [
    ...said(error),
    `see section ${section} of the protocol`,
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
