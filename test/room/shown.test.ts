import t from 'tap'
import type { Event } from '../../src/room/events.js'
import { shownToExtended } from '../../src/room/shown.js'
import { at, banned, banOf, erased, held, joined, removed, someone, unbanned } from './samples.js'

const ana = someone('Ana "ñ"', 1, { status: 'OCUPADO' })
const { key, session } = ana
const shown = (event: Event) => {
  const frame = shownToExtended(event)
  return frame === undefined ? undefined : Buffer.from(frame).toString()
}
const FRAME = Buffer.from('{"type":"x","content":"ñ","timestamp":"now"}')

t.test('part 2, 2: what base sessions are shown has its position behind the timestamp', async (t) => {
  const position = { epoch: '0a9z', offset: 12 }
  const events: Event[] = [
    { kind: 'said', position, key, frame: FRAME },
    { kind: 'said', position, key: undefined, frame: FRAME },
    { kind: 'status', position, key, session, status: 'ACTIVO', frame: FRAME },
    { kind: 'left', position, key, session, frame: FRAME },
    { kind: 'removed', position, key, session, frame: FRAME },
  ]
  for (const event of events)
    t.equal(shown(event), '{"type":"x","content":"ñ","timestamp":"now","position":"0a9z-12"}', event.kind)
  t.equal(FRAME.toString(), '{"type":"x","content":"ñ","timestamp":"now"}', 'which stays as it is')
})

t.test('part 2, 2: joins are told, with the time at which they were', async (t) => {
  const event = {
    kind: 'joined',
    position: at(7),
    presence: ana,
    fresh: true,
    at: Date.UTC(2025, 0, 2),
  } as const
  const content = '{"user":"Ana \\"ñ\\"","status":"OCUPADO"}'
  t.equal(
    shown(event),
    `{"type":"user_connected","sender":"server","content":${content},"timestamp":"2025-01-02T00:00:00.000Z","position":"e1-7"}`,
  )
  t.equal(shown(event), shown(event), 'live, and when it is replayed')
})

t.test(
  'part 2, 3: nobody is told of who breaks off or goes on, nor of bans and what is taken out',
  async (t) => {
    const goesOn: Event = { kind: 'joined', position: at(7), presence: ana, fresh: false, at: 1 }
    const ban = banOf('Ana')
    for (const event of [goesOn, held(ana, 7), erased(3, 7), banned(ban, 7), unbanned(ban, 7)])
      t.equal(shown(event), undefined, event.kind)
    for (const event of [joined(ana, 7), removed(ana, 7)]) t.not(shown(event), undefined, event.kind)
  },
)
