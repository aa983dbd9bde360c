/** Signed tokens (JWT, RFC 7519) whose subject is a name. */
import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose'

/** How far the clock of whoever signs may be from ours. */
const SKEW_SECONDS = 5

/** How long fetching keys may take, how long they are good, and how long until unknown ones are looked for again. */
const FETCH_MS = 5000
const KEYS_MAX_AGE_MS = 600_000
const KEYS_COOLDOWN_MS = 30_000

/** How long it is not tried again when they could not be fetched. */
const KEYS_RETRY_MS = 5000

/** What keys that are public may sign with; a shared secret signs with HS256, and neither can pass for the other (RFC 8725, 3.1). */
const ASYMMETRIC = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]

export interface TokenOptions {
  /** Either a secret, */
  readonly secret?: string | undefined
  /** or where the public keys are. */
  readonly jwksUrl?: string | undefined
  readonly audience?: string | undefined
  readonly issuer?: string | undefined
}

/** What a token says, or why it is not believed (for its bearer, in Spanish). */
export type TokenVerdict =
  | { readonly subject: string; readonly issuer: string }
  | { readonly problem: string }

export type VerifyToken = (token: string) => Promise<TokenVerdict>

/**
 * Makes the judge of tokens; undefined where none are accepted. It rejects when the keys cannot be fetched.
 * @param fetchMs how long fetching them may take
 * @param retryMs how long it is not tried again when they could not be fetched
 */
export function createTokenVerifier(
  { secret, jwksUrl, audience, issuer }: TokenOptions,
  fetchMs = FETCH_MS,
  retryMs = KEYS_RETRY_MS,
): VerifyToken | undefined {
  const options: JWTVerifyOptions = {
    requiredClaims: ['exp', 'sub'],
    clockTolerance: SKEW_SECONDS,
    ...(audience !== undefined && { audience }),
    ...(issuer !== undefined && { issuer }),
  }
  if (secret !== undefined) {
    const key = new TextEncoder().encode(secret)
    return judge(
      async (token) => (await jwtVerify(token, key, { ...options, algorithms: ['HS256'] })).payload,
    )
  }
  if (jwksUrl === undefined) return undefined
  const fetched = createRemoteJWKSet(new URL(jwksUrl), {
    timeoutDuration: fetchMs,
    cacheMaxAge: KEYS_MAX_AGE_MS,
    cooldownDuration: KEYS_COOLDOWN_MS,
  })
  let failure: { readonly error: unknown; readonly until: number } | undefined
  const keys: typeof fetched = Object.assign(async (...asked: Parameters<typeof fetched>) => {
    // Whoever has keys to give and is not well is not asked again for every token that a stranger sends.
    if (failure !== undefined && performance.now() < failure.until) throw failure.error
    try {
      return await fetched(...asked)
    } catch (error) {
      if (!isTokensFault(error)) failure = { error, until: performance.now() + retryMs }
      throw error
    }
  }, fetched)
  return judge(
    async (token) => (await jwtVerify(token, keys, { ...options, algorithms: ASYMMETRIC })).payload,
  )
}

function judge(verify: (token: string) => Promise<JWTPayload>): VerifyToken {
  return async (token) => {
    try {
      // As they were signed: the library has not looked at their types.
      const { sub, iss = '' }: Record<string, unknown> = await verify(token)
      if (typeof sub !== 'string' || sub === '') return { problem: 'le falta "sub"' }
      return typeof iss === 'string' ? { subject: sub, issuer: iss } : { problem: '"iss" no vale' }
    } catch (error) {
      return { problem: problemOf(error) }
    }
  }
}

const CLAIMS: Readonly<Record<string, string>> = {
  aud: 'es para otro servidor',
  iss: 'no es de quien lo debe firmar',
  exp: 'le falta "exp"',
  sub: 'le falta "sub"',
  nbf: 'todavía no vale',
}

/** @throws what is not the token's fault */
function problemOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'ha caducado'
  if (error instanceof errors.JWTClaimValidationFailed) {
    // Of the wrong type: neither missing nor out of time.
    const said = error.reason === 'invalid' ? undefined : CLAIMS[error.claim]
    return said ?? `"${error.claim}" no vale`
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'la firma no es correcta'
  if (error instanceof errors.JOSEAlgNotAllowed) return 'el algoritmo no se acepta'
  if (error instanceof errors.JWKSNoMatchingKey) return 'la clave no se conoce'
  if (error instanceof errors.JWKSMultipleMatchingKeys) return 'no dice qué clave lo firma'
  if (isTokensFault(error)) return 'no se puede leer'
  throw error
}

/** jose's own errors are about what it was given, but for some; a failed fetch is a plain one. */
function isTokensFault(error: unknown): boolean {
  const ours = error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid
  return error instanceof errors.JOSEError && !ours && error.code !== 'ERR_JOSE_GENERIC'
}
