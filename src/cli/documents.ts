import { pino } from 'pino'
import { buildApp } from '../app.js'
import { loadConfig } from '../config.js'
import { asyncApi } from '../http/asyncapi.js'
import { VERSION } from '../version.js'
import { asyncApiPage } from './asyncapi-page.js'

/** The documents that are made from schemas, as they are committed: text by its path in the repository. */
export async function documents(): Promise<Readonly<Record<string, string>>> {
  const config = loadConfig({})
  const app = await buildApp(config, pino({ level: 'silent' }))
  const openApi = app.http.swagger()
  await app.stop()
  const chat = asyncApi(VERSION, config.MAX_CONTENT_CHARS)
  return {
    'openapi/openapi.json': json(openApi),
    'openapi/asyncapi.json': json(chat),
    'docs/asyncapi.md': asyncApiPage(chat),
  }
}

function json(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`
}
