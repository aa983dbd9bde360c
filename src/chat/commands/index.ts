/** The table of all frames that clients send, and the way every one of them takes. */
import type { Decoded } from '../../protocol/codec.js'
import type { CloseDefinition } from '../../protocol/codes.js'
import type { ClientFrame, ClientFrames, FrameType } from '../../protocol/frames.js'
import type { Session } from '../session.js'
import { broadcast } from './broadcast.js'
import { changeStatus } from './change-status.js'
import type { Command, CommandNode, Result } from './command.js'
import { disconnect } from './disconnect.js'
import { listUsers } from './list-users.js'
import { privateMessage } from './private.js'
import { register } from './register.js'
import { userInfo } from './user-info.js'

const COMMANDS: { readonly [T in FrameType]: Command<T> } = {
  register,
  broadcast,
  private: privateMessage,
  list_users: listUsers,
  user_info: userInfo,
  change_status: changeStatus,
  disconnect,
}

/** What a node does for its sessions beside what their commands ask of it. */
export interface PerformingNode extends CommandNode {
  close(session: Session, close: CloseDefinition): void
}

/**
 * Has one frame take effect (protocol 1.2). Whatever is answered at once waits for the frames before it, so that answers
 * keep the order of the questions.
 * @returns false when the frame must be tried again once the session has settled
 */
export function perform(session: Session, decoded: Decoded, node: PerformingNode): boolean {
  // What comes behind a `disconnect` is not heard.
  if (session.state === 'leaving') return true
  if (decoded.kind === 'frame') {
    const result = run(session, decoded.frame.type, decoded.frame, node)
    if (result === undefined) return true
    if (result === 'later' || !session.settled) return false
    node.refuse(session, result)
    return true
  }
  if (!session.settled) return false
  if (decoded.kind === 'close') node.close(session, decoded.close)
  else node.refuse(session, decoded.refusal)
  return true
}

function run<T extends FrameType>(
  session: Session,
  type: T,
  frame: ClientFrames[T] & ClientFrame,
  node: CommandNode,
): Result {
  const command = COMMANDS[type]
  if (!session.isNamed()) {
    return command.beforeRegister ? command.run(session, frame, node) : { code: 'NOT_REGISTERED' }
  }
  if (command.asSelf && !session.owns(frame.sender)) return { code: 'SENDER_MISMATCH' }
  if (command.afterEarlier && !session.settled) return 'later'
  return command.run(session, frame, node)
}
