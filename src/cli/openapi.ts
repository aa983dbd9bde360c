/** Writes the documents that are made from the schemas of routes and frames: `npm run openapi`. */
import { writeFileSync } from 'node:fs'
import { documents } from './documents.js'

for (const [path, text] of Object.entries(await documents()))
  writeFileSync(new URL(`../../${path}`, import.meta.url), text)
