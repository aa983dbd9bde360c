/** What a name may be, and when two are the same (protocol 1.3). */
import unhomoglyph from 'unhomoglyph'

declare const nameKey: unique symbol

/** What a name is looked up by: two names with the same key are one name. Made by {@link keyOf}. */
export type NameKey = string & { readonly [nameKey]: true }

/** The longest name, in code points after NFC. */
export const MAX_NAME_CHARS = 64

/** Why a name is refused, and which code says so. */
export interface NameRefusal {
  code: 'NAME_INVALID' | 'NAME_RESERVED'
  detail: string
}

// Control, format (bidirectional marks among them), surrogate, private and unassigned characters; characters that are
// drawn as nothing; line and paragraph separators; and every space but U+0020.
const UNPRINTABLE = /[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u

/** The key of what is far too long to be a name. */
const NOBODY = keptKey('')

/**
 * The key of a name: NFKC, to upper and then to lower case, NFKC again (protocol 1.3).
 * Any string has one, also one that is not a valid name: it just belongs to nobody. All that are far too long share one.
 */
export function keyOf(name: string): NameKey {
  if (name.length > MAX_INPUT_UNITS) return NOBODY
  // To lower case first, for one letter's sake: ẞ is its own upper case, but its lower case ß has SS for upper case.
  const folded = name.normalize('NFKC').toLowerCase().toUpperCase().toLowerCase()
  return folded.normalize('NFKC') as NameKey
}

/** A key that was made by {@link keyOf} and kept since, maybe by a process with another version of Unicode: it stays what it is. */
export function keptKey(key: string): NameKey {
  return key as NameKey
}

// In NFC at most four code points, of two units each, become one: what is longer is no name, and not worth normalising.
const MAX_INPUT_UNITS = MAX_NAME_CHARS * 8

const RESERVED = new Set(['server'].map(skeletonOf))

/**
 * What a name looks like: the skeleton of Unicode TR39, section 4, of its key. Only reserved names are held against it (docs/security.md
 * says why no others are).
 */
function skeletonOf(name: string): string {
  const skeleton = unhomoglyph(keyOf(name).normalize('NFD')).normalize('NFD')
  return skeleton.toLowerCase()
}

function isReserved(name: string): boolean {
  // Some letters look like others in upper case alone.
  const upper = name.toUpperCase()
  const looks = [
    name,
    name.toLowerCase(),
    upper,
    ...[name, upper].map((one) => unhomoglyph(one.normalize('NFD'))),
  ]
  return looks.some((look) => RESERVED.has(skeletonOf(look)))
}

/**
 * Reads what a client wants to be called.
 * @returns the name as everyone will see it (NFC) and its key, or the reason for refusing it
 */
export function parseName(input: string): { name: string; key: NameKey } | NameRefusal {
  if (!input.isWellFormed()) return invalid('contiene un carácter incompleto')
  if (input.length > MAX_INPUT_UNITS) return invalid(`pasa de ${MAX_NAME_CHARS} caracteres`)
  const name = input.normalize('NFC')
  if (name === '') return invalid('está vacío')
  if ([...name].length > MAX_NAME_CHARS) return invalid(`pasa de ${MAX_NAME_CHARS} caracteres`)
  if (UNPRINTABLE.test(name)) return invalid('contiene un carácter que no se puede imprimir')
  if (name.startsWith(' ') || name.endsWith(' ')) return invalid('empieza o termina con un espacio')
  const key = keyOf(name)
  if (isReserved(name)) return { code: 'NAME_RESERVED', detail: name }
  return { name, key }
}

function invalid(detail: string): NameRefusal {
  return { code: 'NAME_INVALID', detail }
}
