import { readdirSync } from 'node:fs'
import t from 'tap'
import Type from 'typebox'
import { Parse } from 'typebox/value'
import { code, read, section, table } from './markdown.js'

const Packages = Type.Record(Type.String(), Type.String())
const manifest = Parse(
  Type.Object({ dependencies: Packages, devDependencies: Packages }),
  JSON.parse(read('package.json')),
)

const RECORDS = 'docs/decisions'
const records = readdirSync(new URL(`../../${RECORDS}`, import.meta.url)).filter((name) =>
  name.endsWith('.md'),
)
const text = records.map((name) => read(`${RECORDS}/${name}`)).join('\n')

t.test('every dependency is named in a record', (t) => {
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })) {
    t.ok(text.includes(`\`${name}\``), name)
  }
  t.end()
})

t.test('the record of dependencies lists what is installed, and nothing else', (t) => {
  const record = section(read(`${RECORDS}/0005-dependencies.md`), 'Decision')
  const named = table(record)
    .flatMap(([names = '']) => names.split(', '))
    .map(code)
  const installed = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })
  t.same(named.toSorted(), installed.toSorted())
  t.end()
})

t.test('records are numbered without gaps, and each has its three parts', (t) => {
  for (const [index, name] of records.toSorted().entries()) {
    t.match(name, new RegExp(`^${String(index + 1).padStart(4, '0')}-[a-z0-9-]+\\.md$`))
    const record = read(`${RECORDS}/${name}`)
    t.match(record, new RegExp(`^# ${index + 1}\\. `), `the title of ${name}`)
    t.same(
      Array.from(record.matchAll(/^## (.+)$/gm), ([, heading]) => heading),
      ['Context', 'Decision', 'Consequences'],
      `the parts of ${name}`,
    )
  }
  t.end()
})
