import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { code, read, section, table } from './docs/markdown.js'

const SRC = fileURLToPath(new URL('../src', import.meta.url))

interface Rule {
  readonly part: string
  readonly ours: readonly string[]
  readonly packages: readonly string[]
}

/** Who may import whom: the table of the document is the rule. Paths are below src; a folder ends with a slash. */
const RULES = table(section(read('docs/architecture.md'), 'Who may import whom')).map(
  ([part, ours = '', others = '']): Rule => {
    const names = (cell: string) =>
      Array.from(cell.matchAll(/`([^`]+)`/g), ([, name = '']) => name.replace(/^src\//, ''))
    return { part: code(part).replace(/^src\//, ''), ours: names(ours), packages: names(others) }
  },
)

/** Modules of Node that parts without I/O may use; the others may use all. */
const NODE_MODULES: Readonly<Record<string, readonly string[]>> = {
  'protocol/': ['node:buffer'],
  // What it has of addresses is arithmetic.
  'room/': ['node:net'],
  'chat/': ['node:crypto', 'node:timers/promises'],
}

const within = (path: string, part: string) => path === part || (part.endsWith('/') && path.startsWith(part))

function ruleOf(file: string): Rule | undefined {
  return RULES.find(({ part }) => within(file, part))
}

/** Whether a rule lets a file import what the specifier names. */
function allows({ part, ours, packages }: Rule, file: string, specifier: string): boolean {
  if (specifier.startsWith('.')) return [part, ...ours].some((one) => within(resolve(file, specifier), one))
  if (specifier.startsWith('node:')) return NODE_MODULES[part]?.includes(specifier) ?? true
  return packages.some((name) => specifier === name || specifier.startsWith(`${name}/`))
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(SRC, file), 'utf8')
  const found = text.matchAll(
    /^(?:import|export)\b[^'"]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm,
  )
  return Array.from(found, ([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? '')
}

/** Where a relative import leads, as a path below src. */
function resolve(file: string, specifier: string): string {
  return normalize(join(dirname(file), specifier)).replace(/\.js$/, '.ts')
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .map((file) => relative('.', file))
  .filter((file) => file.endsWith('.ts'))

t.test('every file imports only what its part may', async (t) => {
  for (const file of files) {
    const rule = ruleOf(file)
    if (rule === undefined) t.fail(`${file} belongs to no part of the table in docs/architecture.md`)
    else
      for (const specifier of importsOf(file))
        t.ok(allows(rule, file, specifier), `${file} imports ${specifier}`)
  }
})

t.test('no file imports itself through others', async (t) => {
  const graph = new Map(
    files.map((file) => [
      file,
      importsOf(file)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => resolve(file, specifier)),
    ]),
  )
  const done = new Set<string>()
  const visit = (file: string, path: string[]): void => {
    if (path.includes(file))
      throw new Error(`a circle: ${[...path.slice(path.indexOf(file)), file].join(' → ')}`)
    if (done.has(file)) return
    for (const next of graph.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of files) t.doesNotThrow(() => visit(file, []), file)
})

t.test('every import leads to a file', async (t) => {
  for (const file of files) {
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith('.'))
        t.ok(files.includes(resolve(file, specifier)), `${file} imports ${specifier}`)
    }
  }
})

t.test('every rule is for something that exists', async (t) => {
  for (const { part, ours } of RULES) {
    for (const path of [part, ...ours])
      t.ok(
        files.some((file) => within(file, path)),
        path,
      )
  }
})

t.test('the conformance suite knows nothing of the inside', async (t) => {
  const folder = fileURLToPath(new URL('conformance', import.meta.url))
  const suite = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  )
  t.ok(suite.length > 0)
  for (const file of suite) t.notMatch(readFileSync(join(folder, file), 'utf8'), /['"][./]*\/src\//, file)
})
