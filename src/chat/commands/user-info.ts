import { encode } from '../../protocol/codec.js'
import { keyOf } from '../../protocol/names.js'
import type { Presence } from '../../room/events.js'
import type { Command } from './command.js'

/** Stands where addresses are not shown: clients read the field, and expect an address. This one is nobody's. */
const NO_ADDRESS = '0.0.0.0'

/** `user_info` (protocol 1.4): address and status of someone present. */
export const userInfo: Command<'user_info'> = {
  beforeRegister: false,
  asSelf: false,
  afterEarlier: true,
  run(session, { target }, node, ref) {
    if (typeof target !== 'string') return { code: 'USER_NOT_FOUND' }
    const answer = ({ name, ip, status }: Presence) => {
      const shown = node.showsAddresses ? ip : NO_ADDRESS
      node.send(session, encode.userInfo(name, shown, status, node.now(), ref))
    }

    const key = keyOf(target)
    const present = node.directory.get(key)
    if (present) {
      // Who asks for himself sees that asking has woken him.
      node.wake(session, () => answer(node.directory.get(key) ?? present))
    } else {
      const confirmed = (found: Presence | undefined) => {
        if (found) node.wake(session, () => answer(found))
        else node.refuse(session, { code: 'USER_NOT_FOUND' }, ref)
      }
      node.confirmMiss(session, key, confirmed, ref)
    }
    return undefined
  },
}
