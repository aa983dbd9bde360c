import { encode } from '../protocol/codec.js'
import type { NameKey } from '../protocol/names.js'
import type { Directory, Snapshot } from './directory.js'
import type { Event } from './events.js'

/**
 * The events that lead from a directory to a snapshot, for a node that could not follow the log: who has gone, who came,
 * whose status is another, which bans are new or lifted. All stand at the snapshot's position. What was said meanwhile is not among them.
 * @param now for the frames' timestamps, milliseconds since 1970
 */
export function difference(directory: Directory, { position, users, bans }: Snapshot, now: number): Event[] {
  const events: Event[] = []
  const target = new Map(users.map((user) => [user.key, user]))
  const gone = new Set<NameKey>()
  for (const { key, session, name, account, order } of directory.users()) {
    const then = target.get(key)
    // Whoever took himself over, or was taken up again in his place, has not gone.
    if (then?.session === session || then?.order === order) continue
    if (account !== undefined && then?.account === account) continue
    gone.add(key)
    events.push({
      kind: 'left',
      position,
      key,
      session,
      frame: Buffer.from(encode.userDisconnected(name, now)),
    })
  }
  for (const presence of users) {
    const { key, session, name, status } = presence
    const known = directory.get(key)
    if (known?.session !== session || known.node !== presence.node) {
      events.push({
        kind: 'joined',
        position,
        presence,
        fresh: known === undefined || gone.has(key),
        at: now,
      })
    } else if (known.status !== status) {
      const frame = Buffer.from(encode.statusUpdate(name, status, now))
      events.push({ kind: 'status', position, key, session, status, frame })
    }
  }
  const standing = new Set(bans.map(({ id }) => id))
  const known = directory.bans.all(now)
  for (const { id } of known) if (!standing.has(id)) events.push({ kind: 'unbanned', position, id })
  const before = new Set(known.map(({ id }) => id))
  for (const ban of bans) if (!before.has(ban.id)) events.push({ kind: 'banned', position, ban })
  return events
}
