/** What docs/operations.md says of the log, held against the code. */
import { readdirSync } from 'node:fs'
import t from 'tap'
import { ROOT, read, section, table } from './markdown.js'

const files = readdirSync(`${ROOT}/src`, { recursive: true, encoding: 'utf8' })
const source = files.filter((name) => name.endsWith('.ts')).map((name) => read(`src/${name}`))

/** Every attempt but the first of some things is logged with these words behind. */
const AGAIN = ': trying until it can'

const rows = table(section(read('docs/operations.md'), 'What to watch'))
const documented = rows.flatMap(([lines = '']) =>
  Array.from(lines.matchAll(/`([^`]+ [^`]+)`/g), ([, line = '']) => line),
)

t.test('every line of the log that is explained is one that is logged', async (t) => {
  t.ok(documented.length > 0)
  const logged = (line: string) => source.some((text) => text.includes(line))
  for (const line of documented) t.ok(logged(line) || logged(line.replace(AGAIN, '')), line)
})

t.test('every warning and every error is explained', async (t) => {
  // What is logged with fields, and as it stands there.
  const calls = /\.(?:warn|error)\(\s*\{[^']{0,200}?\},\s*'([^']+)'/g
  const warnings = source.flatMap((text) => Array.from(text.matchAll(calls), ([, line = '']) => line))
  t.ok(warnings.length > 0)
  for (const line of warnings) t.ok(documented.includes(line), line)
})
