import { encode } from '../../protocol/codec.js'
import { parseStatus, STATUS_CHOICE } from '../../protocol/frames.js'
import { type Command, refusalOf } from './command.js'

/** `change_status` (protocol 1.4): everyone is told; that nothing changes, only the asker. */
export const changeStatus: Command<'change_status'> = {
  beforeRegister: false,
  asSelf: true,
  afterEarlier: false,
  run(session, { content }, node, ref) {
    const status = parseStatus(content)
    if (status === undefined) return { code: 'INVALID_FIELD', detail: `"content" debe ser ${STATUS_CHOICE}` }

    // What the client chooses takes the place of the waking update, and is not undone by one.
    const { away } = session
    session.away = false
    const { key, name } = session.identity
    const update = encode.statusUpdate(name, status, node.now())
    const proposal = {
      kind: 'status',
      key,
      session: session.id,
      status,
      frame: update,
      ...(ref !== undefined && { ref }),
    } as const
    // Should it be refused, or change nothing, that is answered before what the client sent behind it has its effect.
    session.hold()
    node.propose(session, proposal, (outcome) => {
      if (outcome.ok) {
        node.acknowledge(session, ref, outcome.position)
      } else if (outcome.reason === 'UNCHANGED') {
        node.send(session, update)
        node.acknowledge(session, ref)
      } else {
        session.away = away
        node.refuse(session, refusalOf(outcome.reason), ref)
      }
      session.release()
    })
    return undefined
  },
}
