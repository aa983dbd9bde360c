/** What operators do is written down: one line each. */
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'

/** Methods that only look. */
const LOOKING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Has every request of this scope that an operator made logged once it has been answered: who (his address), what, and what came of
 * it. What changes something at level `info`, what only looks at `debug`.
 */
export function audited(app: FastifyInstance, log: FastifyBaseLogger): void {
  app.addHook('onResponse', (request, reply, done) => {
    const { method, routeOptions, params, body, ip } = request
    // Who was no operator has been logged as that.
    if (reply.statusCode === 401) return done()
    const what = {
      operator: ip,
      did: `${method} ${routeOptions.url}`,
      params,
      body,
      statusCode: reply.statusCode,
    }
    if (LOOKING.has(method)) log.debug(what, 'an operator looked')
    else log.info(what, 'an operator acted')
    done()
  })
}
