import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Where the repository is. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The text of a file, by its path in the repository. */
export function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
}

/** The contents of the fenced blocks of one language. */
export function fences(markdown: string, language: string): string[] {
  const blocks = markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)
  return Array.from(blocks, ([, info = '', content = '']) => ({ info, content }))
    .filter(({ info }) => info === language)
    .map(({ content }) => content)
}

/** The text without its fenced blocks. */
export function prose(markdown: string): string {
  return markdown.replaceAll(/^```[\s\S]*?^```$/gm, '')
}

/** What stands under a heading, as far as the next one of its rank or above. */
export function section(markdown: string, heading: string): string {
  const lines = markdown.split('\n')
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === heading)
  const rank = /^#+/.exec(lines[start] ?? '')?.[0].length
  if (rank === undefined) throw new Error(`there is no heading "${heading}"`)
  const after = lines.slice(start + 1)
  const end = after.findIndex((line) => (/^#+(?= )/.exec(line)?.[0].length ?? Infinity) <= rank)
  return after.slice(0, end === -1 ? undefined : end).join('\n')
}

/** The rows of all tables of a text, without their heads: the cells, trimmed. */
export function table(markdown: string): string[][] {
  const tables = prose(markdown).match(/^\|.*(?:\n\|.*)*/gm) ?? []
  const rows = tables.flatMap((lines) => lines.split('\n').slice(2))
  return rows.map((row) =>
    row
      .slice(1, row.lastIndexOf('|'))
      .split('|')
      .map((cell) => cell.trim()),
  )
}

/** A cell that is code, without its marks. */
export function code(cell = ''): string {
  return cell.replace(/^`(.*)`$/, '$1')
}
