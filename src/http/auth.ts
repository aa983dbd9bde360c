import { createHash, timingSafeEqual } from 'node:crypto'
import bearerAuth from '@fastify/bearer-auth'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { clientAddress } from './client-address.js'
import { errorBody } from './errors.js'

/** Where a 401 sends people for the token. */
export const TOKEN_HINT =
  'The token is ADMIN_TOKEN; where that is not set, the server logs one when it starts'

/**
 * Lets only operators use the routes of this scope: `Authorization: Bearer <token>` (RFC 6750), compared in constant time.
 * Everyone else gets 401; and everyone 503 as long as the token is not known yet.
 * @returns whether a request is known to be an operator's
 */
export async function requireOperator(
  app: FastifyInstance,
  token: () => string | undefined,
): Promise<(request: FastifyRequest) => boolean> {
  const operators = new WeakSet<FastifyRequest>()
  const options = { addHook: false, specCompliance: 'rfc6749', verifyErrorLogLevel: 'silent' } as const
  await app.register(bearerAuth, { ...options, keys: [] })
  let verify: typeof app.verifyBearerAuth
  app.addHook('onRequest', (request, reply, done) => {
    const known = token()
    if (known !== undefined) verify ??= app.verifyBearerAuthFactory?.({ ...options, keys: [known] })
    if (verify === undefined) {
      reply
        .code(503)
        .header('retry-after', '1')
        .send(errorBody(503, 'This node has not reached the others yet'))
      return
    }
    verify(request, reply, (error) => {
      if (error === undefined) {
        operators.add(request)
        return done()
      }
      request.log.warn({ ip: clientAddress(request) }, 'an operator request without the right token')
      reply.code(401).header('www-authenticate', 'Bearer realm="tertulia"')
      reply.send(errorBody(401, `Operators only: send "Authorization: Bearer <token>". ${TOKEN_HINT}`))
    })
  })
  return (request) => operators.has(request)
}

/** Whether a request carries the operator token; compared in constant time. */
export function holdsToken({ headers }: FastifyRequest, token: string | undefined): boolean {
  const [, given] = /^Bearer +(.+)$/i.exec(headers.authorization ?? '') ?? []
  return given !== undefined && token !== undefined && timingSafeEqual(digest(given), digest(token))
}

/** Of one length, whatever the text is. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
