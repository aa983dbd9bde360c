/** What stands in the object that `register` may carry (protocol, part 2). */
import type { Refusal } from './codes.js'

/** What proves that a name is somebody's. */
export type Credential = { readonly password: string } | { readonly token: string }

/** Lengths of a password in code points, after NFC. */
export const MIN_PASSWORD_CHARS = 8
export const MAX_PASSWORD_CHARS = 128

/** Keys of the object that ask for what this version does not have. */
const UNAVAILABLE = ['history', 'resume']

/**
 * Reads `content` of `register` (protocol 1.4): null, absent or a string for a guest, an object with a credential for an owner.
 * Passwords come back in NFC.
 */
export function readCredential(content: unknown): Credential | undefined | Refusal {
  if (typeof content !== 'object' || content === null) return undefined
  const password = 'password' in content ? content.password : undefined
  const token = 'token' in content ? content.token : undefined
  if (UNAVAILABLE.some((key) => key in content)) return { code: 'EXTENSIONS_UNAVAILABLE' }
  if (password !== undefined && token !== undefined)
    return field('"content" lleva "password" o "token", no los dos')
  if (token !== undefined)
    return typeof token === 'string' ? { token } : field('"content.token" debe ser un texto')
  if (password === undefined) return { code: 'EXTENSIONS_UNAVAILABLE' }
  return readPassword(password)
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

function field(detail: string): Refusal {
  return { code: 'INVALID_FIELD', detail }
}
