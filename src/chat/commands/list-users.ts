import { encode } from '../../protocol/codec.js'
import type { Command } from './command.js'

/** `list_users` (protocol 1.4): everyone present, in the order of joining. */
export const listUsers: Command<'list_users'> = {
  beforeRegister: false,
  asSelf: false,
  afterEarlier: true,
  run(session, _frame, node, ref) {
    node.wake(session, () => node.send(session, encode.userList(node.directory.userList, node.now(), ref)))
    return undefined
  },
}
