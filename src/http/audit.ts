/** What operators do is written down: one line each. */
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify'
import { clientAddress } from './client-address.js'

/** Methods that only look. */
const LOOKING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Logs every request of a scope that an operator made: who (his address), what, and what came of it. What changes something at level
 * `info`, what only looks at `debug`.
 */
export class Audit {
  readonly #isOperator: (request: FastifyRequest) => boolean
  readonly #notes = new WeakMap<FastifyRequest, object>()

  /** @param isOperator whether it is known that an operator sent it: strangers are logged as what they are, where they are refused */
  constructor(
    app: FastifyInstance,
    log: FastifyBaseLogger,
    isOperator: (request: FastifyRequest) => boolean,
  ) {
    this.#isOperator = isOperator
    // As soon as it is known what came of it: whoever asked may be gone before he could be told.
    app.addHook('onSend', async (request, reply) => {
      const { method, routeOptions, params, body } = request
      const { statusCode } = reply
      if (!this.#isOperator(request)) return
      const note = this.#notes.get(request)
      const did = `${method} ${routeOptions.url}`
      const what = { operator: clientAddress(request), did, params, body, ...(note && { note }), statusCode }
      if (LOOKING.has(method)) log.debug(what, 'an operator looked')
      else log.info(what, statusCode < 400 ? 'an operator acted' : 'an operator tried')
    })
  }

  /** Adds what the request does not say, such as what was lifted with a ban. */
  note(request: FastifyRequest, note: object): void {
    this.#notes.set(request, note)
  }
}
