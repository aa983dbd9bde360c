import { checkMessage, encode } from '../../protocol/codec.js'
import { keyOf } from '../../protocol/names.js'
import type { Presence } from '../../room/events.js'
import { type Command, refusalOf } from './command.js'

/** `private` (protocol 1.4): to the target alone; the sender gets no copy. */
export const privateMessage: Command<'private'> = {
  beforeRegister: false,
  asSelf: true,
  afterEarlier: false,
  run(session, { target, content }, node, ref) {
    const problem = checkMessage(content)
    if (problem) return problem
    if (typeof target !== 'string') return { code: 'USER_NOT_FOUND' }

    const deliver = (to: Pick<Presence, 'key' | 'name'>) => {
      const { key, name } = session.identity
      const frame = encode.private(name, to.name, content, node.now())
      const proposal = {
        kind: 'private',
        key,
        session: session.id,
        target: to.key,
        frame,
        ...(ref !== undefined && { ref }),
      } as const
      // Should it be refused, that is answered before what the client sent behind it has its effect.
      session.hold()
      node.propose(session, proposal, (outcome) => {
        // Only now is it an accepted frame: what was refused wakes nobody.
        if (outcome.ok) {
          node.wake(session)
          node.acknowledge(session, ref, outcome.position, { delivered: !outcome.waits })
        } else {
          node.refuse(session, refusalOf(outcome.reason, to.name), ref)
        }
        session.release()
      })
    }

    const key = keyOf(target)
    const present = node.directory.get(key)
    if (present) {
      deliver(present)
    } else if (session.settled) {
      const confirmed = (found: Presence | undefined) => {
        // Sent again, it may have been delivered before the target left: that is known where it is proposed.
        const to = found ?? (ref !== undefined ? { key, name: target } : undefined)
        if (to) deliver(to)
        else node.refuse(session, { code: 'USER_NOT_FOUND' })
      }
      node.confirmMiss(session, key, confirmed, ref)
    } else {
      return 'later'
    }
    return undefined
  },
}
