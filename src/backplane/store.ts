/** The second port: what nodes share that is not in the log. */
export interface Store {
  /**
   * Keeps `value` under `key` unless there is one already.
   * @returns what is kept now: the same for every node
   */
  putIfAbsent(key: string, value: string): Promise<string>
}
