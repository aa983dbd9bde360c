/** Results as people read them. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import type { Plan } from './plan.js'
import { findProgram } from './processes.js'
import type { Results } from './results.js'
import type { Verdict } from './targets.js'

/** Which values of a measurement are shown, and how. */
const COLUMNS = [
  { value: 'cpu', title: 'CPU µs each', digits: 3 },
  { value: 'perSecond', title: 'each second', digits: 0 },
  { value: 'batch', title: 'in one write', digits: 1 },
  { value: 'p50Micros', title: 'p50 ms', digits: 2, divide: 1000 },
  { value: 'p99Micros', title: 'p99 ms', digits: 2, divide: 1000 },
  { value: 'each', title: 'bytes a client', digits: 0 },
] as const

/** The machine and the versions, for whoever compares. */
export function environment(more: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const version = (path: string): string => {
    const parsed: unknown = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))
    return typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : '?'
  }
  return {
    date: new Date().toISOString(),
    cpu: `${cpus()[0]?.model.trim()}, ${cpus().length} cores`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release().split('-')[0] ?? '',
    node: process.version,
    tertulia: version('../package.json'),
    'socket.io': version('yardsticks/node_modules/socket.io/package.json'),
    '@socket.io/redis-adapter': version('yardsticks/node_modules/@socket.io/redis-adapter/package.json'),
    ws: version('yardsticks/node_modules/ws/package.json'),
    ...more,
    nats: said('nats-server', ['--version']).replace(/^nats-server: v?/, ''),
    compiler: said('cc', ['--version']),
  }
}

/** The first line that a program says. */
function said(program: string, options: readonly string[]): string {
  const found = findProgram(program)
  if (found === undefined) return 'none'
  return execFileSync(found, options, { encoding: 'utf8' }).split('\n')[0] ?? ''
}

/** The same in one line. */
export function versions(about: Readonly<Record<string, string>>): string {
  return Object.entries(about)
    .map(([name, value]) => `${name}: ${value}`)
    .join(' · ')
}

/** What the names of rows mean. */
export function legend({ scenarios }: Plan): string {
  return scenarios.map(({ id, title }) => `- \`${id}\`: ${title}`).join('\n')
}

/** A table of everything that was measured: medians, and in brackets from the least to the most where there were rounds. */
export function table(results: Results): string {
  const lines = [
    `| what | who | ${COLUMNS.map(({ title }) => title).join(' | ')} | remarks |`,
    `| --- | --- |${' ---: |'.repeat(COLUMNS.length)} --- |`,
  ]
  const seen = new Set<string>()
  for (const { what, contender } of results.measurements) {
    const row = `${what} | ${contender}`
    if (seen.has(row)) continue
    seen.add(row)
    const cells = COLUMNS.map(({ value, digits, ...column }) => {
      const divide = 'divide' in column ? column.divide : 1
      const shown = (one: number | undefined) => (one === undefined ? '' : (one / divide).toFixed(digits))
      const all = results.all(what, contender, value).map(shown)
      const median = shown(results.median(what, contender, value))
      return value === 'cpu' && all.length > 1 ? `${median} (${all[0]}–${all.at(-1)})` : median
    })
    const flaws = new Set(results.of(what, contender).flatMap((one) => one.flaws))
    lines.push(`| ${row} | ${cells.join(' | ')} | ${[...flaws].join(', ')} |`)
  }
  return lines.join('\n')
}

/** What must hold, and whether it did. */
export function verdicts(judged: readonly Verdict[]): string {
  const lines = ['| target | limit | measured | |', '| --- | ---: | ---: | --- |']
  for (const { target, figure, verdict } of judged) {
    const { title, bound, limit, unit = '' } = target
    const measured = Number.isNaN(figure) ? '' : `${Number(figure.toPrecision(3))} ${unit}`.trim()
    lines.push(`| ${title} | ${`${bound} ${limit} ${unit}`.trim()} | ${measured} | ${verdict} |`)
  }
  return lines.join('\n')
}

/** Between these lines of docs/performance.md stands what the last published run measured. */
const BEGIN = '<!-- What follows is written by npm run bench -- --publish -->'
const END = '<!-- As far as here -->'

/** The page with the results of a run in the place of those before. */
export function published(page: string, text: string): string {
  const [before, rest] = page.split(BEGIN)
  const after = rest?.split(END)[1]
  if (before === undefined || after === undefined)
    throw new Error('docs/performance.md has no place for results')
  return [before.trimEnd(), BEGIN, text, END, after.trimStart()].join('\n\n')
}
