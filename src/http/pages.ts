/** Pages: how they are asked for, and the cursors that lead from one to the next. */
import Type from 'typebox'

/** The part of a query that asks for a page. */
export const PAGE_QUERY = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'How many at most' }),
  ),
  cursor: Type.Optional(Type.String({ description: '`next` of the page before' })),
}

/** Where the next page begins, as an answer says it. */
export const NEXT = Type.Union([Type.String(), Type.Null()], {
  description: 'The `cursor` of the next page; null on the last',
})

/** Whether a limit is one: what became a number when it was read need not be written like one, and without an end it passes every maximum. */
export function isWhole(limit: number): boolean {
  return Number.isSafeInteger(limit)
}

/** What is wrong with a limit that is not {@link isWhole}. */
export const LIMIT_PROBLEM = 'querystring/limit must be integer'

/**
 * Reads which page is asked for.
 * @param first what is before the first page
 * @param decode reads a cursor; undefined when it is not one of ours
 */
export function readPage<T>(
  { limit = 100, cursor }: { readonly limit?: number; readonly cursor?: string },
  first: T,
  decode: (cursor: string) => T | undefined,
): { readonly limit: number; readonly after: T } | { readonly problem: string } {
  if (!isWhole(limit)) return { problem: LIMIT_PROBLEM }
  const after = cursor === undefined ? first : decode(cursor)
  if (after === undefined) return { problem: 'querystring/cursor must be the "next" of an earlier page' }
  return { limit, after }
}

/**
 * A cursor for the place behind a user in the order of joining. It names the place and not the user, so it stays good when
 * the user leaves.
 */
export function encodeCursor(order: number): string {
  return Buffer.from(`after:${order}`).toString('base64url')
}

/** The place that a cursor names; undefined when it is not one of ours. */
export function decodeCursor(cursor: string): number | undefined {
  const digits = /^after:(\d{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString())?.[1]
  return digits === undefined || encodeCursor(Number(digits)) !== cursor ? undefined : Number(digits)
}

/** A cursor for the place behind a key, in the order of the keys. */
export function encodeKey(key: string): string {
  return Buffer.from(`key:${key}`).toString('base64url')
}

/** The key that a cursor names; undefined when it is not one of ours. */
export function decodeKey(cursor: string): string | undefined {
  const key = /^key:(.+)$/s.exec(Buffer.from(cursor, 'base64url').toString())?.[1]
  return key === undefined || encodeKey(key) !== cursor ? undefined : key
}
