/**
 * Measures Tertulia beside what it is compared with. `npm run bench` for everything, `-- --quick` for what tells most; `--only ID` for
 * one scenario, `--check` to end with 1 if a figure is twice as bad as its target, `--out DIR` for where results go, `--publish` to
 * write them into docs/performance.md.
 * Needs Linux, two cores, a C compiler and redis-server; NATS is measured where nats-server is installed.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { ContenderName } from './contenders.js'
import { isAvailable } from './contenders.js'
import { FULL, type Plan, QUICK } from './plan.js'
import { draw, type Line } from './plot.js'
import { environment, published, table, verdicts } from './report.js'
import { Results } from './results.js'
import { runPlan } from './run.js'
import { judge } from './targets.js'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    publish: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    out: { type: 'string', default: path('../build/bench') },
  },
})

if (process.platform !== 'linux') throw new Error('the benchmark reads CPU time as Linux tells it')
if (availableParallelism() < 2)
  throw new Error('the benchmark needs two cores: what is measured has one, and the load the other')
if (options.publish && (options.quick || options.only))
  throw new Error('only a run of everything is published')
execFileSync('make', ['-s', '-C', path('native')], { stdio: 'inherit' })
execFileSync('npm', ['ci', '--silent', '--no-audit', '--no-fund'], {
  cwd: path('yardsticks'),
  stdio: 'inherit',
})
if (!isAvailable('nats')) {
  console.log('SKIPPED: nats-server is not installed, so NATS is not measured')
  if (process.env.CI === 'true') process.exitCode = 1
}

const whole = options.quick ? QUICK : FULL
const { only } = options
const plan: Plan = only
  ? { ...whole, scenarios: whole.scenarios.filter(({ id }) => only.includes(id)) }
  : whole

const began = performance.now()
const results = new Results()
await runPlan(plan, results, (line) =>
  console.log(`${Math.round((performance.now() - began) / 1000)} s  ${line}`),
)

const judged = judge(results)
const about = environment()
mkdirSync(options.out, { recursive: true })
const write = (name: string, text: string) => writeFileSync(join(options.out, name), text)
write(
  'results.json',
  `${JSON.stringify({ environment: about, measurements: results.measurements }, undefined, 1)}\n`,
)
const text = [verdicts(judged), table(results), JSON.stringify(about, undefined, 1)].join('\n\n')
write('results.md', `${text}\n`)
if (!options.quick) write('cpu-per-delivery.svg', draw([overSize(), overLoad()]))
if (options.publish) {
  const page = path('../docs/performance.md')
  writeFileSync(page, published(readFileSync(page, 'utf8'), judged, results))
  writeFileSync(path('../docs/cpu-per-delivery.svg'), draw([overSize(), overLoad()]))
}
console.log(`\n${text}\n\nIn ${options.out}; took ${Math.round((performance.now() - began) / 1000)} s.`)

const lost = results.measurements.filter(
  ({ contender, values }) =>
    contender.startsWith('tertulia') &&
    ['missing', 'outOfOrder', 'repeated'].some((name) => (values[name] ?? 0) > 0),
)
for (const { what, contender } of lost) console.log(`LOST: ${what}, ${contender}`)
const far = judged.filter(({ verdict }) => verdict === 'far')
for (const { target } of far) console.log(`FAR from its target: ${target.title}`)
if (lost.length > 0 || (options.check && far.length > 0)) process.exitCode = 1

/** The contenders of a plot, and what was measured of each at so many clients, or messages a second. */
function lines(at: readonly number[], whatAt: (x: number) => string): Line[] {
  const names: ContenderName[] = ['tertulia+redis', 'tertulia', 'floor', 'nats', 'socket.io+redis']
  return names.map((name) => ({
    name,
    points: at.flatMap((x) => {
      const cpu = results.median(whatAt(x), name, 'cpu')
      return cpu === undefined ? [] : [[x, cpu] as const]
    }),
  }))
}

function overSize() {
  const at = [100, 500, 1000, 5000]
  const what = (x: number) => (x === 500 ? 'room/busy' : `size-${x}/busy`)
  return { title: 'Busy room', x: 'clients', y: 'CPU µs per delivery', lines: lines(at, what) }
}

function overLoad() {
  const at = [10, 100, 1000, 3000]
  return {
    title: 'A room of 500',
    x: 'messages a second',
    y: 'CPU µs per delivery',
    lines: lines(at, (x) => `load/${x}`),
  }
}
