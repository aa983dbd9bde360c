import { checkMessage, encode } from '../../protocol/codec.js'
import { keyOf } from '../../protocol/names.js'
import type { Presence } from '../../room/events.js'
import { type Command, refusalOf } from './command.js'

/** `private` (protocol 1.4): to the target alone; the sender gets no copy. */
export const privateMessage: Command<'private'> = {
  beforeRegister: false,
  asSelf: true,
  afterEarlier: false,
  run(session, { target, content }, node) {
    const problem = checkMessage(content)
    if (problem) return problem
    if (typeof target !== 'string') return { code: 'USER_NOT_FOUND' }

    const deliver = (to: Presence) => {
      const { key, name } = session.identity
      const frame = encode.private(name, to.name, content, node.now())
      const proposal = { kind: 'private', key, session: session.id, target: to.key, frame } as const
      // Should it be refused, that is answered before what the client sent behind it has its effect.
      session.hold()
      node.propose(session, proposal, (outcome) => {
        // Only now is it an accepted frame: what was refused wakes nobody.
        if (outcome.ok) node.wake(session)
        else node.refuse(session, refusalOf(outcome.reason))
        session.release()
      })
    }

    const present = node.directory.get(keyOf(target))
    if (present) {
      deliver(present)
    } else if (session.settled) {
      node.confirmMiss(session, keyOf(target), (found) => {
        if (found) deliver(found)
        else node.refuse(session, { code: 'USER_NOT_FOUND' })
      })
    } else {
      return 'later'
    }
    return undefined
  },
}
