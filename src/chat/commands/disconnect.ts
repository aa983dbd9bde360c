import { encode } from '../../protocol/codec.js'
import type { Command } from './command.js'

/**
 * `disconnect` (protocol 1.4): everyone is told, the leaver too; then the connection is closed 1000. The node closes it when
 * it applies the session's own `left` event.
 */
export const disconnect: Command<'disconnect'> = {
  beforeRegister: true,
  asSelf: true,
  afterEarlier: true,
  run(session, _frame, node, ref) {
    if (!session.isNamed()) {
      node.dismiss(session)
      return undefined
    }
    session.state = 'leaving'
    if (session.extension !== undefined) session.extension.leaving = ref
    const { key, name } = session.identity
    const frame = encode.userDisconnected(name, node.now())
    // Refused, or lost after it had passed: the end is the same.
    node.propose(session, { kind: 'leave', key, session: session.id, frame }, () => node.dismiss(session))
    return undefined
  },
}
