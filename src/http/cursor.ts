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
