/** The only entry: configuration, app, listening; signals, drain, exit. */
import { buildApp } from './app.js'
import { type Config, ConfigError, loadConfig } from './config.js'
import { greeting, listenProblem, MEMORY_HINT, tokenHint } from './greeting.js'
import { createLog } from './log.js'
import { onSignals } from './signals.js'

const SAFE_TOKEN_LENGTH = 16

/**
 * Connections that the kernel holds until they are accepted; it has a limit of its own (Linux: net.core.somaxconn, 4096). Whoever finds no
 * place there tries again after a second, and Node's 511 are full when a thousand come at once.
 */
const BACKLOG = 65_535

const config = configure()
const log = createLog(config.LOG_LEVEL, process.stdout.isTTY)
const app = await buildApp(config, log)

let leaving = false
const onSignal = onSignals(
  {
    leave: () => {
      leaving = true
      log.info('shutting down: sessions are closed in good order; a second signal ends at once')
      app.leave().then(
        () => process.exit(0),
        (err: unknown) => fail('could not shut down in good order', err),
      )
    },
    end: () => process.exit(1),
  },
  process.env.npm_lifecycle_event === 'start',
)
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => onSignal(performance.now()))

const { HOST, PORT } = config
const url = await app.http.listen({ host: HOST, port: PORT, backlog: BACKLOG }).catch((err: unknown) => {
  return fail(listenProblem(HOST, PORT, err))
})
const port = Number(url.split(':').at(-1))
const secure = config.TLS_CERT !== undefined
for (const line of greeting(HOST, port, { contained: Boolean(process.env.container), secure })) log.info(line)
if (config.REDIS_URL === undefined && config.REDIS_SENTINELS.length === 0) log.info(MEMORY_HINT)
if (config.ADMIN_TOKEN !== undefined && config.ADMIN_TOKEN.length < SAFE_TOKEN_LENGTH)
  log.warn(
    `ADMIN_TOKEN is so short that it can be guessed: use ${SAFE_TOKEN_LENGTH} random characters or more`,
  )

const token = await app.start().catch((err: unknown) => {
  // A signal ended it before it had begun: that goes its own way to the exit.
  if (leaving) return new Promise<never>(() => {})
  return fail('cannot start', err)
})
// Whatever else is logged: nobody could know it otherwise.
if (config.ADMIN_TOKEN === undefined)
  log
    .child({}, { level: config.LOG_LEVEL === 'silent' ? 'silent' : 'info' })
    .info(tokenHint(HOST, port, token, secure))

function configure(): Config {
  try {
    return loadConfig(process.env)
  } catch (error) {
    console.error(error instanceof ConfigError && error.message)
    process.exit(1)
  }
}

function fail(message: string, err?: unknown): never {
  log.fatal(err === undefined ? {} : { err }, message)
  process.exit(1)
}
