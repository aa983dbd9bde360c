/** The second port: what nodes share that is not in the log. Every implementation passes the suite in test/contract. */

/** Something that is kept. */
export interface Stored {
  readonly key: string
  readonly value: string
  /** When it is forgotten: milliseconds since 1970; without it, never. */
  readonly expiresAt?: number
}

/** What has been counted, and when that begins anew. */
export interface Count {
  readonly count: number
  /** Milliseconds until it is 0 again. */
  readonly leftMs: number
}

/** All reject when what the nodes share cannot be reached. */
export interface Store {
  get(kind: string, key: string): Promise<string | undefined>
  /**
   * Keeps `value` unless there is one already.
   * @param ttlMs for how long; without it, for good, and then it waits until it can be reached
   * @returns what is kept now: the same for every node
   */
  putIfAbsent(kind: string, key: string, value: string, ttlMs?: number): Promise<string>
  /** @returns whether there was one */
  delete(kind: string, key: string): Promise<boolean>
  /** What is kept of a kind, by the order of the keys in UTF-8, behind a key ('' for the first), at most so many. */
  list(kind: string, after: string, limit: number): Promise<Stored[]>
  /**
   * Counts, in a window of time that begins with the first.
   * @param by how many; 0 to look, less to take back what was counted
   */
  count(kind: string, key: string, by: number, windowMs: number): Promise<Count>
}
