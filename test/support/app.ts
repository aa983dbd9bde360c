import { pino } from 'pino'
import type { Test } from 'tap'
import type { Cost } from '../../src/accounts/passwords.js'
import { type App, buildApp, type Shared } from '../../src/app.js'
import { loadConfig } from '../../src/config.js'

export const TOKEN = 'a-token-for-tests'

/** What hashing a password costs in tests: next to nothing. */
export const CHEAP: Cost = { N: 2, r: 1, p: 1 }

/** Tests ask the API until something is so, as often as they like. */
const DEFAULTS = { ADMIN_TOKEN: TOKEN, NODE_ID: 'node', LOG_LEVEL: 'silent', API_REQUESTS_PER_MINUTE: '0' }

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
  const config = loadConfig({ ...DEFAULTS, ...env })
  const log = onLog ? pino({ level: config.LOG_LEVEL }, { write: onLog }) : pino({ level: 'silent' })
  const app = await buildApp(config, log, shared, CHEAP)
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

/** Has the operator API do something, with the token. */
export function act(app: App, method: 'POST' | 'DELETE', url: string, payload?: object | string) {
  const type = typeof payload === 'string' ? { 'content-type': 'application/json' } : {}
  const headers = { authorization: `Bearer ${TOKEN}`, ...type }
  return app.http.inject({ method, url, headers, ...(payload !== undefined && { payload }) })
}
