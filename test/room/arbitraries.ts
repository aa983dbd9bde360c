import fc from 'fast-check'
import { STATUSES } from '../../src/protocol/frames.js'
import type { NameKey } from '../../src/protocol/names.js'
import type { Event, Presence } from '../../src/room/events.js'
import { changed, joined, left, said, someone } from './samples.js'

/** What may happen next, to one of a few. `again`: it comes back to the place where it was, if it can. */
interface Step {
  readonly kind: 'move' | 'status' | 'said'
  readonly who: number
  readonly status: Presence['status']
  readonly node: 'n1' | 'n2'
  readonly again: boolean
}

const PEOPLE = 60
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(
    { weight: 6, arbitrary: fc.constant('move' as const) },
    { weight: 1, arbitrary: fc.constant('status' as const) },
    { weight: 1, arbitrary: fc.constant('said' as const) },
  ),
  // The early ones are met more often.
  who: fc.oneof(fc.nat(5), fc.nat(PEOPLE - 1)),
  status: fc.constantFrom(...STATUSES),
  node: fc.constantFrom('n1', 'n2'),
  again: fc.boolean(),
})

/**
 * A history of a room, as a log has it: nobody joins who is present, nobody acts who is not; an order belongs to one user.
 * Names need escaping in JSON.
 * @param from where it begins
 */
export function history(from: readonly Presence[] = [], maxLength = 200): fc.Arbitrary<Event[]> {
  return fc.array(step, { maxLength, size: 'max' }).map((steps) => {
    const present = new Map(from.map((presence) => [presence.name, presence]))
    const before = new Map(present)
    let offset = from.reduce((highest, { order }) => Math.max(highest, order), 0)
    return steps.flatMap(({ kind, who, status, node, again }): Event[] => {
      const name = `u"${who}"`
      const known = present.get(name)
      if (known === undefined && kind !== 'move') return []
      offset += 1
      if (known === undefined) {
        const was = again ? before.get(name) : undefined
        const presence = was ? { ...was, status, node } : someone(name, offset, { status, node })
        present.set(name, presence)
        before.set(name, presence)
        return [joined(presence, offset)]
      }
      if (kind === 'move') {
        present.delete(name)
        return [left(known, offset)]
      }
      return [kind === 'status' ? changed(known, status, offset) : said(known, offset)]
    })
  })
}

/** Whom an event is about; undefined when it is about nobody present. */
export function keyOfEvent(event: Event): NameKey | undefined {
  if (event.kind === 'joined') return event.presence.key
  return 'key' in event ? event.key : undefined
}

/** Everyone present after a history, told naively. */
export function presentAfter(events: readonly Event[], from: readonly Presence[] = []): Presence[] {
  return events.reduce(next, from).toSorted((a, b) => a.order - b.order)
}

function next(users: readonly Presence[], event: Event): readonly Presence[] {
  if (event.kind === 'joined')
    return [...users.filter(({ key }) => key !== event.presence.key), event.presence]
  if (event.kind === 'left' || event.kind === 'removed') return users.filter(({ key }) => key !== event.key)
  if (event.kind === 'status')
    return users.map((user) => (user.key === event.key ? { ...user, status: event.status } : user))
  return users
}
