import { checkMessage, encode } from '../../protocol/codec.js'
import { type Command, refusalOf } from './command.js'

/** `broadcast` (protocol 1.4): to everyone, the sender too. */
export const broadcast: Command<'broadcast'> = {
  beforeRegister: false,
  asSelf: true,
  afterEarlier: false,
  run(session, { content }, node, ref) {
    const problem = checkMessage(content)
    if (problem) return problem
    node.wake(session)
    const { key, name } = session.identity
    const frame = encode.broadcast(name, content, node.now())
    const proposal = {
      kind: 'say',
      key,
      session: session.id,
      frame,
      ...(ref !== undefined && { ref }),
    } as const
    node.propose(session, proposal, (outcome) => {
      if (outcome.ok) node.acknowledge(session, ref, outcome.position)
      else node.refuse(session, refusalOf(outcome.reason), ref)
    })
    return undefined
  },
}
