import type { NameKey } from '../protocol/names.js'
import type { Presence } from '../room/events.js'
import type { NamedSession, Session } from './session.js'

/** What a node has to commit so that the room holds exactly its live sessions. */
export interface Differences {
  /** In the room under this node, but without a live session: ghosts. */
  readonly ghosts: Presence[]
  /** Registered, but not in the room under this node: to be claimed again. */
  readonly missing: NamedSession[]
}

/** Compares what the room says of a node with the sessions that are alive on it. */
export function differences(
  node: string,
  directory: { users(): Iterable<Presence>; get(key: NameKey): Presence | undefined },
  live: readonly Session[],
): Differences {
  const ids = new Set(live.map(({ id }) => id))
  const ghosts = [...directory.users()].filter((user) => user.node === node && !ids.has(user.session))
  const missing = live.filter((session): session is NamedSession => {
    if (session.state !== 'present' || !session.isNamed()) return false
    const present = directory.get(session.identity.key)
    return present?.session !== session.id || present.node !== node
  })
  return { ghosts, missing }
}
