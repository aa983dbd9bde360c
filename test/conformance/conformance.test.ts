import { readFileSync } from 'node:fs'
import t from 'tap'
import { startServer } from '../support/server-process.js'
import type { Case, Target } from './case.js'
import { cases } from './cases/index.js'
import { runCase, titleOf, waits } from './run.js'

t.setTimeout(300_000)

/** Of the server whose timers the cases wait for, in milliseconds. */
const TIMERS = { ping: 1_000, register: 3_000, idle: 3_000 }

const { url } = await startServer(t)
const patient: Target = { urls: [url], timers: {}, load: true }

const quick = await startServer(t, {
  PING_INTERVAL_MS: String(TIMERS.ping),
  REGISTER_TIMEOUT_MS: String(TIMERS.register),
  IDLE_AFTER_MS: String(TIMERS.idle),
})
const hasty: Target = { urls: [quick.url], timers: TIMERS, load: true }

t.equal(new Set(cases.map(titleOf)).size, cases.length, 'no two cases say the same')

const protocol = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8')
for (const section of new Set(cases.map((one) => one.section)))
  t.match(protocol, `\n### ${section} `, `docs/protocol.md has a section ${section}`)

const check = (testCase: Case, target: Target, buffered: boolean) =>
  t.test(titleOf(testCase), { buffered }, async (t) => {
    const result = await runCase(testCase, target)
    const [why = '', ...details] = result.outcome === 'ok' ? [] : result.report
    if (result.outcome === 'ok') t.pass(testCase.name)
    else t.fail(`${result.outcome}: ${why}`, { report: details.join('\n'), stack: '' })
  })

for (const testCase of cases.filter((one) => !waits(one))) await check(testCase, patient, false)

// They wait for timers, all at the same time.
t.jobs = cases.length
await Promise.all(cases.filter(waits).map((one) => check(one, hasty, true)))
