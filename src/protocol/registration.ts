/** What stands in the object that `register` may carry (protocol, part 2). */
import type { Refusal } from './codes.js'
import { type Position, readPosition } from './position.js'

/** What proves that a name is somebody's. */
export type Credential = { readonly password: string } | { readonly token: string }

/** Where a session broke off that is to be taken up again. */
export interface ResumePoint {
  /** The secret of the session. */
  readonly secret: string
  /** Of the last frame of the room's log that the client has seen. */
  readonly position: Position
  /** Of the last private message that it has seen; 0: none. */
  readonly seq: number
}

/** What a client asks for besides its name. Without `extensions` it gets what the base protocol has, and nothing else. */
export interface Registration {
  readonly credential?: Credential
  readonly extensions?: {
    /** How many of the latest broadcasts it wants to have. */
    readonly history?: number
    readonly resume?: ResumePoint
  }
}

/** Lengths of a password in code points, after NFC. */
export const MIN_PASSWORD_CHARS = 8
export const MAX_PASSWORD_CHARS = 128

/** The most messages of the history that one frame carries. */
export const MAX_HISTORY = 100

/** The longest that a secret can be: ours are shorter. */
export const MAX_SECRET_CHARS = 128

/**
 * Reads `content` of `register` (protocol 1.4 and part 2): null, absent or a string ask for nothing, an object for an extended session.
 * Keys that are unknown are ignored. Passwords come back in NFC.
 */
export function readRegistration(content: unknown): Registration | Refusal {
  if (typeof content !== 'object' || content === null) return {}
  const credential = readCredential(content)
  if (credential !== undefined && 'code' in credential) return credential
  const history = readHistory('history' in content ? content.history : undefined)
  if (typeof history === 'object') return history
  const resume = readResume('resume' in content ? content.resume : undefined)
  if (resume !== undefined && 'code' in resume) return resume
  return {
    ...(credential !== undefined && { credential }),
    extensions: { ...(history !== undefined && { history }), ...(resume !== undefined && { resume }) },
  }
}

function readCredential(content: object): Credential | undefined | Refusal {
  const password = 'password' in content ? content.password : undefined
  const token = 'token' in content ? content.token : undefined
  if (password !== undefined && token !== undefined)
    return field('"content" lleva "password" o "token", no los dos')
  if (token !== undefined)
    return typeof token === 'string' ? { token } : field('"content.token" debe ser un texto')
  return password === undefined ? undefined : readPassword(password)
}

function readPassword(password: unknown): Credential | Refusal {
  const lengths = `de ${MIN_PASSWORD_CHARS} a ${MAX_PASSWORD_CHARS} caracteres`
  const refused = field(`"content.password" debe ser un texto ${lengths}`)
  // In NFC at most four code points, of two units each, become one: what is longer is not worth normalising.
  if (typeof password !== 'string' || password.length > MAX_PASSWORD_CHARS * 8) return refused
  if (!password.isWellFormed()) return refused
  const normal = password.normalize('NFC')
  const { length } = [...normal]
  return length >= MIN_PASSWORD_CHARS && length <= MAX_PASSWORD_CHARS ? { password: normal } : refused
}

function readHistory(history: unknown): number | undefined | Refusal {
  if (history === undefined) return undefined
  const fits = typeof history === 'number' && Number.isInteger(history) && history >= 0
  return fits && history <= MAX_HISTORY
    ? history
    : field(`"content.history" debe ser un número entero de 0 a ${MAX_HISTORY}`)
}

function readResume(resume: unknown): ResumePoint | undefined | Refusal {
  if (resume === undefined) return undefined
  const refused = field('"content.resume" debe llevar "session", "position" y "seq" de la sesión')
  if (typeof resume !== 'object' || resume === null) return refused
  if (!('session' in resume && 'position' in resume && 'seq' in resume)) return refused
  const { session, position, seq } = resume
  if (typeof session !== 'string' || session === '' || session.length > MAX_SECRET_CHARS) return refused
  const place = typeof position === 'string' ? readPosition(position) : undefined
  if (place === undefined || typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 0) return refused
  return { secret: session, position: place, seq }
}

function field(detail: string): Refusal {
  return { code: 'INVALID_FIELD', detail }
}
