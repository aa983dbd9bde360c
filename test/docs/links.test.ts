import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path/posix'
import t from 'tap'
import Type from 'typebox'
import { Parse } from 'typebox/value'
import { prose, ROOT, read } from './markdown.js'

const documents = [
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

/** What a pattern with one group finds in the documents, each with where it was found. */
function findAll(pattern: RegExp, text: (path: string) => string): { document: string; found: string }[] {
  return documents.flatMap((document) =>
    Array.from(text(document).matchAll(pattern), ([, found = '']) => ({ document, found })),
  )
}

/** The anchor that a heading gets on GitHub. */
function anchor(heading: string): string {
  const plain = heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
  return plain.trim().replaceAll(' ', '-')
}

function anchors(path: string): string[] {
  return Array.from(prose(read(path)).matchAll(/^#+ (.+)$/gm), ([, heading = '']) => anchor(heading))
}

t.test('every link leads to a file that there is, and to a heading that it has', (t) => {
  const links = findAll(/\]\(([^)\s]+)\)/g, (path) => prose(read(path)))
  for (const { document, found } of links.filter(({ found }) => !/^https?:/.test(found))) {
    const [file = '', heading] = found.split('#')
    const path = file === '' ? document : join(dirname(document), file)
    const leads = existsSync(join(ROOT, path)) && (heading === undefined || anchors(path).includes(heading))
    t.ok(leads, `${found} in ${document}`)
  }
  t.end()
})

t.test('every path in the text exists', (t) => {
  const paths = findAll(/`((?:src|test|docs|examples|openapi)\/[^`\s]*)`/g, (path) => prose(read(path)))
  // Those who contribute are told of files that they are to write.
  for (const { document, found } of paths.filter(({ document }) => document !== 'CONTRIBUTING.md')) {
    t.ok(existsSync(join(ROOT, found)), `${found} in ${document}`)
  }
  t.end()
})

t.test('every script of npm that is named exists', (t) => {
  const { scripts } = Parse(
    Type.Object({ scripts: Type.Record(Type.String(), Type.String()) }),
    JSON.parse(read('package.json')),
  )
  for (const { document, found } of findAll(/npm run ([\w:-]+)/g, read)) {
    t.ok(found in scripts, `${found} in ${document}`)
  }
  t.end()
})
