import { parseName } from '../../protocol/names.js'
import { type Command, refusalOf } from './command.js'

/** `register` (protocol 1.4). Success is answered when the session's own `joined` event is applied. */
export const register: Command<'register'> = {
  beforeRegister: true,
  asSelf: false,
  afterEarlier: true,
  run(session, { sender, content }, node) {
    if (session.isNamed()) return { code: 'ALREADY_REGISTERED' }
    if (typeof content === 'object' && content !== null) return { code: 'EXTENSIONS_UNAVAILABLE' }
    const parsed = parseName(sender)
    if ('code' in parsed) return parsed

    const identity = { ...parsed, connectedAt: session.connectedAt, status: 'ACTIVO' } as const
    session.state = 'joining'
    session.identity = identity
    session.hold()
    const join = { kind: 'join', session: session.id, ip: session.connection.ip, ...identity } as const
    node.propose(session, join, (outcome) => {
      // Passed, and yet it was not seen to enter: what was committed has been lost since.
      if (session.state === 'joining') {
        session.state = 'new'
        session.identity = undefined
        node.refuse(session, outcome.ok ? { code: 'UNAVAILABLE' } : refusalOf(outcome.reason))
      }
      session.release()
    })
    return undefined
  },
}
