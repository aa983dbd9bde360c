/** Passwords as they are kept: scrypt (RFC 7914), salted, with its parameters beside it. */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'

/** How dear a guess is: `N` blocks of `r` × 128 bytes, `p` times one after the other. */
export interface Cost {
  readonly N: number
  readonly r: number
  readonly p: number
}

/** 16 MiB and five passes: one of the settings that OWASP holds for equal to its first, with the least memory. */
export const COST: Cost = { N: 2 ** 14, r: 8, p: 5 }

const SALT_BYTES = 16
const HASH_BYTES = 32

/** The most memory that one hash may take: Node's own limit is below what dearer costs need. */
const MAX_BYTES = 2 ** 28

/** What {@link hashPassword} writes, with any cost; a hash that was cut short is none. */
const KEPT = /^scrypt\$([1-9]\d*)\$([1-9]\d*)\$([1-9]\d*)\$([\w-]+)\$([\w-]{43,})$/

/** Rejects with a RangeError when scrypt cannot have this cost (RFC 7914, 2), or may not. */
function derive(password: string, salt: Buffer, { N, r, p }: Cost, length: number): Promise<Buffer> {
  const options: ScryptOptions = { N, r, p, maxmem: MAX_BYTES }
  return new Promise((resolve, reject) => {
    scrypt(password, salt, length, options, (error, key) => (error ? reject(error) : resolve(key)))
  })
}

/** @returns `scrypt$N$r$p$salt$hash`, the last two in base64url */
export async function hashPassword(password: string, cost: Cost): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const hash = await derive(password, salt, cost, HASH_BYTES)
  const { N, r, p } = cost
  return ['scrypt', N, r, p, salt.toString('base64url'), hash.toString('base64url')].join('$')
}

/** Whether a password is the one that was hashed; false also for what {@link hashPassword} has not written. */
export async function verifyPassword(password: string, kept: string): Promise<boolean> {
  const [, N, r, p, salt, hash] = KEPT.exec(kept) ?? []
  if (salt === undefined || hash === undefined) return false
  const expected = Buffer.from(hash, 'base64url')
  const cost = { N: Number(N), r: Number(r), p: Number(p) }
  try {
    const actual = await derive(password, Buffer.from(salt, 'base64url'), cost, expected.length)
    return timingSafeEqual(actual, expected)
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}
