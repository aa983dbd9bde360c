import { encode } from '../protocol/codec.js'
import type { Directory, Snapshot } from './directory.js'
import type { Event } from './events.js'

/**
 * The events that lead from a directory to a snapshot, for a node that could not follow the log: who has gone, who came,
 * whose status is another. All stand at the snapshot's position. What was said meanwhile is not among them.
 * @param now for the frames' timestamps, milliseconds since 1970
 */
export function difference(directory: Directory, { position, users }: Snapshot, now: number): Event[] {
  const events: Event[] = []
  const target = new Map(users.map((user) => [user.key, user]))
  for (const { key, session, name } of directory.users()) {
    if (target.get(key)?.session === session) continue
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
      events.push({ kind: 'joined', position, presence })
    } else if (known.status !== status) {
      const frame = Buffer.from(encode.statusUpdate(name, status, now))
      events.push({ kind: 'status', position, key, session, status, frame })
    }
  }
  return events
}
