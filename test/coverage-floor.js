/**
 * Fails when the tests leave more of the sources untouched than they may; to be run after all tests. Branches that only a race
 * reaches keep it from being 100 % of those in every run.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const FLOOR = { lines: 99, functions: 99, branches: 97 }

const report = spawnSync('npx', ['tap', 'report', 'json-summary'], { encoding: 'utf8' })
const summary = (() => {
  try {
    return JSON.parse(readFileSync('.tap/report/coverage-summary.json', 'utf8'))
  } catch (error) {
    console.error(`no coverage: ${error.message}\n${report.stdout}${report.stderr}`)
    process.exit(1)
  }
})()
const below = Object.entries(FLOOR).filter(([kind, least]) => !(summary.total[kind].pct >= least))
for (const [kind, least] of below) {
  console.error(`tests reach ${summary.total[kind].pct} % of the ${kind}, less than ${least} %:`)
  for (const [file, covered] of Object.entries(summary))
    if (covered[kind].pct < 100) console.error(`  ${covered[kind].pct} % ${file}`)
}
process.exit(below.length === 0 ? 0 : 1)
