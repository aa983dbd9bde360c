/** Names of all keys and channels. They share one hash tag, so that a script finds them in one slot. */
export class Keys {
  /** What all of them begin with. */
  readonly namespace: string
  /** What every script gets as KEYS, in its order: meta, log, users, nodes, swept, bans, held, history. */
  readonly shared: readonly string[]
  readonly users: string
  /** Channel of events and heads. */
  readonly events: string

  /** @param prefix `KEY_PREFIX` */
  constructor(prefix: string) {
    this.namespace = `{${prefix}}:`
    this.users = `${this.namespace}users`
    this.events = `${this.namespace}events`
    const shared = ['meta', 'log', 'users', 'nodes', 'swept', 'bans', 'held', 'history']
    this.shared = shared.map((name) => this.namespace + name)
  }

  /** Channel of the private messages for one node. */
  mail(node: string): string {
    return `${this.namespace}to:${node}`
  }

  /** A value of the {@link Store}. */
  stored(kind: string, key: string): string {
    return `${this.namespace}store:${kind}:${key}`
  }

  /** The keys of all values of a kind, some of which may have expired. */
  index(kind: string): string {
    return `${this.namespace}index:${kind}`
  }
}
