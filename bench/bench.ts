/** Measures Tertulia beside what it is compared with: `npm run bench -- --help`, and docs/performance.md. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { RedisServer } from '../test/support/redis/server.js'
import type { ContenderName } from './contenders.js'
import { isAvailable } from './contenders.js'
import { readOptions, refuse } from './options.js'
import { FULL, type Plan, QUICK } from './plan.js'
import { draw, type Line } from './plot.js'
import { cores, findProgram } from './processes.js'
import { environment, legend, published, table, verdicts, versions } from './report.js'
import { Results } from './results.js'
import { runPlan } from './run.js'
import { judge } from './targets.js'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

const { quick, check, publish, only, out: chosen } = readOptions(FULL.scenarios.map(({ id }) => id))
const whole = quick ? QUICK : FULL
for (const id of only)
  if (!whole.scenarios.some((scenario) => scenario.id === id)) refuse(`--quick has no scenario ${id}`)
const plan: Plan =
  only.length > 0 ? { ...whole, scenarios: whole.scenarios.filter(({ id }) => only.includes(id)) } : whole
/** A part does not take the place of the whole. */
const out = chosen ?? path(`../build/bench/${only.length > 0 ? 'part' : quick ? 'quick' : ''}`)

if (process.platform !== 'linux') refuse('the benchmark reads CPU time as Linux tells it: it needs Linux')
if (cores().length < 2)
  refuse('the benchmark needs two cores: what is measured has one, and the load the other')
for (const [tool, from] of Object.entries({ make: 'make', cc: 'a C compiler', taskset: 'util-linux' }))
  if (findProgram(tool) === undefined)
    refuse(`${tool} is missing: install ${from} (Debian: apt-get install build-essential util-linux)`)

console.log('preparing: the load generator, and what Tertulia is compared with (from the npm registry)')
execFileSync('make', ['-s', '-C', path('native')], { stdio: 'inherit' })
execFileSync('npm', ['ci', '--silent', '--no-audit', '--no-fund'], {
  cwd: path('yardsticks'),
  stdio: 'inherit',
})
if (!isAvailable('nats')) {
  console.log('SKIPPED: nats-server is not installed, so NATS is not measured')
  if (process.env.CI === 'true') process.exitCode = 1
}
const redisVersion = await redisIsThere()

const began = performance.now()
const results = new Results()
await runPlan(plan, results, (line) =>
  console.log(`${Math.round((performance.now() - began) / 1000)} s  ${line}`),
)

const judged = judge(results)
const about = environment({ redis: redisVersion })
mkdirSync(out, { recursive: true })
const write = (name: string, text: string) => writeFileSync(join(out, name), text)
write(
  'results.json',
  `${JSON.stringify({ environment: about, measurements: results.measurements }, undefined, 1)}\n`,
)
const text = [versions(about), verdicts(judged), legend(plan), table(results)].join('\n\n')
write('results.md', `${text}\n`)
if (plan === FULL) write('cpu-per-delivery.svg', draw([overSize(), overLoad()]))
if (publish) {
  const page = path('../docs/performance.md')
  writeFileSync(page, published(readFileSync(page, 'utf8'), text))
  writeFileSync(path('../docs/cpu-per-delivery.svg'), draw([overSize(), overLoad()]))
}
console.log(`\n${text}\n\nIn ${out}; took ${Math.round((performance.now() - began) / 1000)} s.`)

const lost = results.measurements.filter(
  ({ contender, values }) =>
    contender.startsWith('tertulia') &&
    ['missing', 'outOfOrder', 'repeated'].some((name) => (values[name] ?? 0) > 0),
)
for (const { what, contender } of lost) console.log(`LOST: ${what}, ${contender}`)
const having = (wanted: string) => judged.filter(({ verdict }) => verdict === wanted)
const far = having('far')
for (const { target } of far) console.log(`FAR from its target: ${target.title}`)
const unmeasured = having('not measured').filter(({ target }) => !plan.leavesOut.includes(target.id))
if (check) for (const { target } of unmeasured) console.log(`NOT MEASURED: ${target.title}`)
console.log(`${having('met').length} targets met, ${having('missed').length + far.length} missed`)
if (lost.length > 0 || (check && far.length + unmeasured.length > 0)) process.exitCode = 1

/** Says at once if there is no Redis, and not after half of the run. */
async function redisIsThere(): Promise<string> {
  try {
    const redis = await RedisServer.start()
    const version = String(await redis.info('server', 'redis_version'))
    await redis.close()
    return version
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

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
