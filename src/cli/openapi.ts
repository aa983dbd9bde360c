/** Writes `openapi/openapi.json` from the schemas of the routes: `npm run openapi`. */
import { writeFileSync } from 'node:fs'
import { openApiText } from './openapi-text.js'

writeFileSync(new URL('../../openapi/openapi.json', import.meta.url), await openApiText())
