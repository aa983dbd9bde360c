/** What docs/performance.md says, held against the benchmark. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { FULL, QUICK } from '../../bench/plan.js'
import { TARGETS } from '../../bench/targets.js'
import { ROOT, read, section, table } from './markdown.js'

const page = read('docs/performance.md')
const rows = table(section(page, 'Results'))

t.test('the targets of the benchmark are those of the document, with a figure for each', async (t) => {
  const limits = rows.slice(0, TARGETS.length).map(([title, limit]) => [title, limit])
  t.strictSame(
    limits,
    TARGETS.map(({ title, bound, limit, unit = '' }) => [title, `${bound} ${limit} ${unit}`.trim()]),
  )
  for (const [title = '', , figure, verdict] of rows.slice(0, TARGETS.length))
    t.match(`${figure} ${verdict}`, /^[\d.]+ .*(met|missed)$/, title)
})

t.test('every target that is missed is explained', async (t) => {
  const explained = table(section(page, 'What is missed, and why')).map(([title]) => title)
  const missed = rows.slice(0, TARGETS.length).filter(([, , , verdict]) => verdict === 'missed')
  for (const [title = ''] of missed) t.ok(explained.includes(title), title)
  const known = TARGETS.filter(({ reached }) => reached !== undefined)
  for (const { title } of known) t.ok(explained.includes(title), title)
})

t.test('everything that is measured is in the document, and the plot beside it', async (t) => {
  const measured = new Set(rows.map(([what]) => what))
  const planned = FULL.scenarios.flatMap(({ id, steps }) =>
    steps.flatMap((step) => ('as' in step && step.as !== undefined ? [`${id}/${step.as}`] : [])),
  )
  for (const what of planned) t.ok(measured.has(what), what)
  t.ok(existsSync(join(ROOT, 'docs/cpu-per-delivery.svg')))
})

t.test('the quick run measures nothing that the full one does not', async (t) => {
  const full = new Set(FULL.scenarios.map(({ id }) => id))
  for (const { id } of QUICK.scenarios) t.ok(full.has(id), id)
})
