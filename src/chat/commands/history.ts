import { readHistoryQuery } from '../../protocol/extensions.js'
import type { Command } from './command.js'

/** `history` (protocol part 2, 6): a page of what was said, the latest first; within the page, the oldest first. */
export const history: Command<'history'> = {
  beforeRegister: false,
  asSelf: false,
  afterEarlier: true,
  run(session, { content }, node, ref) {
    const page = readHistoryQuery(content)
    if ('code' in page) return page
    node.wake(session, () => node.history(session, page, ref))
    return undefined
  },
}
