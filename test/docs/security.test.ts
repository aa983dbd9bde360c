/** What SECURITY.md and docs/security.md say is protected, held against the tests that they name. */
import { existsSync } from 'node:fs'
import { join } from 'node:path/posix'
import t from 'tap'
import { SETTINGS } from '../../src/config.js'
import { ROOT, read, section, table } from './markdown.js'

/** In the last cell of each row stand tests, or why there is none. `toRoot`: what links to them begin with. */
const TABLES = [
  { document: 'SECURITY.md', heading: 'What the server protects today', toRoot: '' },
  { document: 'docs/security.md', heading: 'Against the OWASP WebSocket cheat sheet', toRoot: '../' },
]

/** A link to a file of tests, and behind it parts of their titles, each in quotation marks. */
const SHOWN = /\[(test\/[^\]]+)\]\(([^)]+)\)((?:,? "[^"]+")*)/g

/** Whether some text stands in a line within quotation marks of any kind, as titles do. */
function isQuoted(line: string, text: string): boolean {
  return /['"`]/.test(line.slice(0, Math.max(line.indexOf(text), 0)))
}

for (const { document, heading, toRoot } of TABLES) {
  const rows = table(section(read(document), heading))
  const shown = rows.flatMap(([asked = '', , cell = '']) =>
    Array.from(cell.matchAll(SHOWN), ([, file = '', link = '', titles = '']) => ({
      asked,
      file,
      link,
      titles: Array.from(titles.matchAll(/"([^"]+)"/g), ([, title = '']) => title),
    })),
  )

  t.test(`${document}: every row names a test, or says that something is not done`, async (t) => {
    t.ok(rows.length > 0)
    for (const [asked = '', does, cell = '', ...more] of rows) {
      t.ok(does && more.length === 0, `${asked}: three cells`)
      t.match(cell, /\[test\/|^Not done/, asked)
      t.notMatch(cell.replaceAll(SHOWN, ''), /"|\]\(\S*test\//, `${asked}: titles stand behind their file`)
    }
  })

  t.test(`${document}: every test that is named exists`, async (t) => {
    for (const { asked, file, link, titles } of shown) {
      t.equal(link, `${toRoot}${file}`, asked)
      t.ok(titles.length > 0, `${asked}: which of the tests in ${file}`)
      const lines = existsSync(join(ROOT, file)) ? read(file).split('\n') : []
      for (const title of titles)
        t.ok(
          lines.some((line) => isQuoted(line, title)),
          `"${title}" in ${file}`,
        )
    }
  })

  t.test(`${document}: every variable exists, and defaults are those of the program`, async (t) => {
    const defaults = new Map(SETTINGS.map((setting) => [setting.name, setting.default]))
    const named = /`([A-Z]+(?:_[A-Z]+)+)`(?: \(([\d,]+))?/g
    for (const [, name = '', value] of rows.flat().join('\n').matchAll(named)) {
      t.ok(defaults.has(name), name)
      if (value !== undefined) t.equal(Number(value.replaceAll(',', '')), defaults.get(name), name)
    }
  })
}
