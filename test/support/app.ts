import { pino } from 'pino'
import type { Test } from 'tap'
import { type App, buildApp, type Shared } from '../../src/app.js'
import { loadConfig } from '../../src/config.js'

export const TOKEN = 'a-token-for-tests'

/** The application in this process, listening. */
export interface RunningApp extends App {
  /** ws://127.0.0.1:PORT/chat */
  readonly url: string
  readonly port: number
  /** What operators authenticate with. */
  readonly adminToken: string
}

/**
 * Builds the application and has it listen on a free port; it ends with the test.
 * @param env variables beside the defaults
 * @param shared what it shares with other nodes
 * @param onLog is given what is logged, a line each
 */
export async function startApp(
  t: Test,
  env: Record<string, string> = {},
  shared?: Shared,
  onLog?: (line: string) => void,
): Promise<RunningApp> {
  const config = loadConfig({ ADMIN_TOKEN: TOKEN, NODE_ID: 'node', LOG_LEVEL: 'silent', ...env })
  const log = onLog ? pino({ level: config.LOG_LEVEL }, { write: onLog }) : pino({ level: 'silent' })
  const app = await buildApp(config, log, shared)
  t.teardown(() => app.stop())
  await app.http.listen({ host: '127.0.0.1', port: 0 })
  const adminToken = await app.start()
  const address = app.http.server.address()
  if (typeof address !== 'object' || address === null) throw new Error('the server has no port')
  return { ...app, adminToken, port: address.port, url: `ws://127.0.0.1:${address.port}/chat` }
}

/** Asks the operator API, with the token. */
export function ask(app: App, url: string, headers: Record<string, string> = {}) {
  return app.http.inject({ method: 'GET', url, headers: { authorization: `Bearer ${TOKEN}`, ...headers } })
}
