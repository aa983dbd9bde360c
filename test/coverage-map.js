import { readdirSync } from 'node:fs'

/** Every source file counts for every test: what nothing runs must show. */
const all = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => `src/${file}`)

export default () => all
