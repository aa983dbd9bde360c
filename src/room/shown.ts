import { encodeExtended, withPosition } from '../protocol/extensions.js'
import type { Event, FrameBytes } from './events.js'

/** The frame that extended sessions get of an event (protocol part 2, 2): live, and when it is replayed. undefined: none. */
export function shownToExtended(event: Event): FrameBytes | undefined {
  switch (event.kind) {
    case 'said':
    case 'left':
    case 'removed':
    case 'status':
      return withPosition(event.frame, event.position)
    case 'joined': {
      const { name, status } = event.presence
      if (!event.fresh) return undefined
      return withPosition(Buffer.from(encodeExtended.userConnected(name, status, event.at)), event.position)
    }
    default:
      return undefined
  }
}
