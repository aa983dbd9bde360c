import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path/posix'
import t from 'tap'
import { fences, ROOT, read, section } from './markdown.js'

const DOCUMENT = read('docs/architecture.md')

/** Files and folders below a folder, by their paths in the repository. */
function below(folder: string): { path: string; isFolder: boolean }[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    const isFolder = entry.isDirectory()
    return [{ path, isFolder }, ...(isFolder ? below(path) : [])]
  })
}

const source = below('src')

/** The paths of the tree, whose lines are indented by two spaces a folder. */
function treePaths(tree: string): string[] {
  const folders: string[] = []
  return tree
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, indent = '', name = ''] = /^( *)(\S+)/.exec(line) ?? []
      folders.length = indent.length / 2
      const path = folders.join('') + name
      if (name.endsWith('/')) folders.push(name)
      return path
    })
}

const tree = treePaths(fences(section(DOCUMENT, 'The tree'), 'text').join('\n'))

t.test('every path of the tree exists', (t) => {
  t.ok(tree.length > 0)
  for (const path of tree) t.ok(existsSync(join(ROOT, path)), path)
  t.end()
})

t.test('every folder of src is in the tree', (t) => {
  for (const { path } of source.filter(({ isFolder }) => isFolder)) t.ok(tree.includes(`${path}/`), path)
  t.end()
})

t.test('every module of the picture exists', (t) => {
  const [picture = ''] = fences(DOCUMENT, 'mermaid')
  const named = Array.from(picture.matchAll(/\b[a-z]+\/[a-z/-]+/g), ([path]) => path)
  t.ok(named.length > 0)
  for (const name of new Set(named)) t.ok(existsSync(join(ROOT, `src/${name}.ts`)), name)
  t.end()
})
