import { checkMessage, encode } from '../../protocol/codec.js'
import { type Command, refusalOf } from './command.js'

/** `broadcast` (protocol 1.4): to everyone, the sender too. */
export const broadcast: Command<'broadcast'> = {
  beforeRegister: false,
  asSelf: true,
  afterEarlier: false,
  run(session, { content }, node) {
    const problem = checkMessage(content)
    if (problem) return problem
    node.wake(session)
    const { key, name } = session.identity
    const frame = encode.broadcast(name, content, node.now())
    node.propose(session, { kind: 'say', key, session: session.id, frame }, (outcome) => {
      if (!outcome.ok) node.refuse(session, refusalOf(outcome.reason))
    })
    return undefined
  },
}
