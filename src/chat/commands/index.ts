/** The table of all frames that clients send, and the way every one of them takes. */
import { type Decoded, typesOf } from '../../protocol/codec.js'
import type { CloseDefinition } from '../../protocol/codes.js'
import { MAX_REF_CHARS } from '../../protocol/extended-frames.js'
import { isRef } from '../../protocol/extensions.js'
import { type ClientFrame, type ClientFrames, EXTENDED_TYPES, type FrameType } from '../../protocol/frames.js'
import type { Session } from '../session.js'
import { broadcast } from './broadcast.js'
import { changeStatus } from './change-status.js'
import type { Command, CommandNode, Result } from './command.js'
import { disconnect } from './disconnect.js'
import { history } from './history.js'
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
  history,
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
  if (decoded.kind === 'close') {
    if (session.settled) node.close(session, decoded.close)
    return session.settled
  }
  if (decoded.kind === 'frame' && decoded.frame.type === 'register' && !session.isNamed())
    session.extended = asksForExtensions(decoded.frame.content)
  const ref = session.extended && isRef(decoded.ref) ? decoded.ref : undefined
  const result = resultOf(session, decoded, node, ref)
  if (result === undefined) return true
  if (result === 'later' || !session.settled) return false
  node.refuse(session, result, ref)
  return true
}

function asksForExtensions(content: unknown): boolean {
  return typeof content === 'object' && content !== null
}

function resultOf(
  session: Session,
  decoded: Exclude<Decoded, { readonly kind: 'close' }>,
  node: CommandNode,
  ref: string | undefined,
): Result {
  if (session.extended && decoded.ref !== undefined && ref === undefined)
    return { code: 'INVALID_FIELD', detail: `"ref" debe ser un texto de 1 a ${MAX_REF_CHARS} caracteres` }
  if (decoded.kind === 'refused') {
    const unknown = session.extended && decoded.refusal.code === 'UNKNOWN_TYPE'
    return unknown ? { code: 'UNKNOWN_TYPE', detail: Object.keys(COMMANDS).join(', ') } : decoded.refusal
  }
  const { frame } = decoded
  if (!session.extended && EXTENDED_TYPES.has(frame.type))
    return { code: 'UNKNOWN_TYPE', detail: typesOf(Object.keys(COMMANDS)) }
  return run(session, frame.type, frame, node, ref)
}

function run<T extends FrameType>(
  session: Session,
  type: T,
  frame: ClientFrames[T] & ClientFrame,
  node: CommandNode,
  ref: string | undefined,
): Result {
  const command = COMMANDS[type]
  if (!session.isNamed()) {
    return command.beforeRegister ? command.run(session, frame, node, ref) : { code: 'NOT_REGISTERED' }
  }
  if (command.asSelf && !(typeof frame.sender === 'string' && session.owns(frame.sender)))
    return { code: 'SENDER_MISMATCH' }
  if (command.afterEarlier && !session.settled) return 'later'
  return command.run(session, frame, node, ref)
}
