import { pino } from 'pino'
import { buildApp } from '../app.js'
import { loadConfig } from '../config.js'

/** The OpenAPI document as it is committed: JSON text, indented, with a line feed at its end. */
export async function openApiText(): Promise<string> {
  const app = await buildApp(loadConfig({}), pino({ level: 'silent' }))
  const document = JSON.stringify(app.http.swagger(), null, 2)
  await app.stop()
  return `${document}\n`
}
