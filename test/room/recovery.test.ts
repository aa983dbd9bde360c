import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { withSeq } from '../../src/protocol/extensions.js'
import type { Event } from '../../src/room/events.js'
import { type Missed, type Numbered, recover, type Standing } from '../../src/room/recovery.js'
import { shownToExtended } from '../../src/room/shown.js'
import { at, held, joined, said, someone } from './samples.js'

const ana = someone('Ana', 1)
const frame = (text: string) => Buffer.from(JSON.stringify({ text }))

/** Something that happened in the room, or came for the session alone; in this order. */
type Item =
  | { readonly kind: 'event'; readonly event: Event }
  | { readonly kind: 'message'; readonly seq: number; readonly after: number; readonly frame: Buffer }

/** What happens, of which some is shown to nobody. */
const timeline: fc.Arbitrary<Item[]> = fc
  .array(fc.constantFrom('said', 'said', 'held', 'joined', 'goes on', 'message', 'message', 'message'), {
    maxLength: 60,
    size: 'max',
  })
  .map((kinds) => {
    let offset = 0
    let seq = 0
    return kinds.map((kind): Item => {
      if (kind === 'message') {
        seq += 1
        return { kind, seq, after: offset, frame: frame(`message ${seq}`) }
      }
      offset += 1
      return { kind: 'event', event: eventOf(kind, offset) }
    })
  })

function eventOf(kind: string, offset: number): Event {
  switch (kind) {
    case 'held':
      return held(ana, offset)
    case 'joined':
      return joined(ana, offset)
    case 'goes on':
      return { kind: 'joined', position: at(offset), presence: ana, fresh: false, at: 0 }
    default:
      return said(ana, offset)
  }
}

const eventsIn = (items: readonly Item[]) =>
  items.flatMap((item) => (item.kind === 'event' ? [item.event] : []))
const messagesIn = (items: readonly Item[]) => items.filter((item) => item.kind === 'message')
const offsetOf = (items: readonly Item[]) => eventsIn(items).length
const keptOf = ({ seq, after, frame }: ReturnType<typeof messagesIn>[number]) => {
  return { seq, after: at(after), frame }
}

/** What a client that stands somewhere has still to be sent of some items, as text. */
function due({ position, seq }: Standing, items: readonly Item[]): string[] {
  return items.flatMap((item) => {
    if (item.kind === 'message') return item.seq > seq ? [`${withSeq(item.frame, item.seq)}`] : []
    const shown = shownToExtended(item.event)
    return item.event.position.offset > position.offset && shown !== undefined ? [`${shown}`] : []
  })
}

const sent = (frames: readonly Uint8Array[]) => frames.map((one) => Buffer.from(one).toString())
const isMessage = (text: string) => text.includes('"seq"')

/** Whether frames are what was due: each once, both kinds in their order, no message before what it stands behind. */
function checkSent(frames: readonly string[], expected: readonly string[], items: readonly Item[]): void {
  for (const kind of [isMessage, (text: string) => !isMessage(text)])
    assert.deepEqual(frames.filter(kind), expected.filter(kind))
  for (const { seq, after, frame } of messagesIn(items)) {
    const place = frames.indexOf(`${withSeq(frame, seq)}`)
    if (place === -1) continue
    for (const event of eventsIn(items).slice(0, after)) {
      const shown = shownToExtended(event)
      if (shown !== undefined) assert.ok(frames.indexOf(`${shown}`) < place, `${seq} stands behind ${after}`)
    }
  }
}

t.test('all that was missed and is kept is sent, each in its place', async () => {
  const property = fc.property(timeline, fc.nat(60), fc.nat(60), (items, position, seq) => {
    const standing = { position: at(Math.min(position, offsetOf(items))), seq }
    const { frames, standing: then } = recover(standing, {
      events: eventsIn(items),
      kept: messagesIn(items)
        .filter((message) => message.seq > seq)
        .map(keptOf),
      meanwhile: [],
      applied: at(offsetOf(items)),
    })
    assert.deepEqual(sent(frames), due(standing, items))
    const last = Math.max(seq, messagesIn(items).length)
    assert.deepEqual(then, { position: at(offsetOf(items)), seq: last })
  })
  fc.assert(property, { numRuns: 500 })
})

t.test('what came meanwhile is sent once, whatever of it was kept, too', async () => {
  const part = fc.record({ from: fc.nat(60), count: fc.nat(60) })
  const property = fc.property(
    timeline,
    fc.nat(20),
    fc.nat(60),
    fc.array(part, { maxLength: 4 }),
    (items, seq, count, parts) => {
      const all = messagesIn(items)
      const kept = all.slice(seq, seq + count)
      const meanwhile = parts.flatMap(({ from, count }) => all.slice(from, from + count))
      const known = new Set([...kept, ...meanwhile].map((message) => message.seq))
      // Up to the first that is missing.
      let last = seq
      while (known.has(last + 1)) last += 1
      const standing = { position: at(0), seq }
      const applied = at(offsetOf(items))
      const missed = { events: eventsIn(items), kept: kept.map(keptOf), meanwhile, applied }
      const { frames, standing: then } = recover(standing, missed)
      const there = items.filter((item) => item.kind === 'event' || item.seq <= last)
      checkSent(sent(frames), due(standing, there), items)
      assert.deepEqual(then, { position: applied, seq: last })
    },
  )
  fc.assert(property, { numRuns: 500 })
})

/** One reading while the session is brought up to date, as much at a time as may be. */
interface Round {
  /** How much has been committed when it is read, and how much the node has applied when that has come. */
  readonly committed: number
  readonly applied: number
  /** How many events are read at most. */
  readonly limit: number
}

const round: fc.Arbitrary<Round> = fc.record({
  committed: fc.nat(20),
  applied: fc.nat(20),
  limit: fc.integer({ min: 1, max: 12 }),
})

/**
 * Brings a client up to date as chat/recoveries.ts does, while more and more happens; then it goes on live.
 * @param resumed how much had happened when the session was taken up: what comes for it behind that is told live, too
 */
function replay(items: readonly Item[], from: Standing, resumed: number, rounds: readonly Round[]): string[] {
  const frames: string[] = []
  let standing = from
  let [committed, applied] = [resumed, resumed]
  let meanwhile: Numbered[] = []
  for (let turn = 0; ; turn += 1) {
    assert.ok(turn < 500, 'it comes to an end')
    const next = rounds[turn] ?? { committed: items.length, applied: items.length, limit: 12 }
    committed = Math.min(Math.max(committed + next.committed, applied), items.length)
    const there = items.slice(0, committed)
    const events = eventsIn(there).filter(({ position }) => position.offset > standing.position.offset)
    const kept = messagesIn(there).filter(({ seq }) => seq > standing.seq)
    const before = applied
    applied = Math.min(applied + next.applied, items.length)
    meanwhile.push(...messagesIn(items.slice(before, applied)))
    const missed: Missed = {
      events: events.slice(0, next.limit),
      kept: kept.map(keptOf),
      meanwhile,
      applied: at(offsetOf(items.slice(0, applied))),
    }
    const recovered = recover(standing, missed)
    frames.push(...sent(recovered.frames))
    standing = recovered.standing
    meanwhile = meanwhile.filter(({ seq }) => seq > standing.seq)
    if (standing.position.offset >= missed.applied.offset && meanwhile.length === 0) break
  }
  // Events come live without more ado; messages are passed over that have been found in the inbox already.
  return [...frames, ...due({ position: at(0), seq: standing.seq }, items.slice(applied))]
}

t.test(
  'there is no hole between what is sent late and what comes live, and nothing comes twice',
  async () => {
    const property = fc.property(
      timeline,
      fc.record({ position: fc.nat(60), seq: fc.nat(60), resumed: fc.nat(60) }),
      fc.array(round, { maxLength: 12 }),
      (items, where, rounds) => {
        const resumed = Math.min(where.resumed, items.length)
        const before = items.slice(0, resumed)
        // What the client has seen was before it was taken up.
        const standing = {
          position: at(Math.min(where.position, offsetOf(before))),
          seq: Math.min(where.seq, messagesIn(before).length),
        }
        checkSent(replay(items, standing, resumed, rounds), due(standing, items), items)
      },
    )
    fc.assert(property, { numRuns: 2000 })
  },
)

const event = (offset: number): Event => {
  return { kind: 'said', position: at(offset), key: ana.key, frame: frame(`event ${offset}`) }
}
const message = (seq: number, after: number) => ({ seq, after: at(after), frame: frame(`${seq}`) })
const missed = (more: Partial<Missed>): Missed => ({
  events: [],
  kept: [],
  meanwhile: [],
  applied: at(9),
  ...more,
})
const from = (position: number, seq: number): Standing => ({ position: at(position), seq })

/** Frames in short: offsets of events, and seqs. */
function short({ frames }: { readonly frames: readonly Uint8Array[] }): string[] {
  return sent(frames).map((text) => {
    const { position, seq }: { position?: string; seq?: number } = JSON.parse(text)
    return seq === undefined ? `${position}` : `seq ${seq}`
  })
}

t.test('where nothing was missed nothing is sent, and nobody stands elsewhere', async (t) => {
  t.strictSame(recover(from(9, 4), missed({})), { frames: [], standing: from(9, 4) })
})

t.test('a message stands between the event that was before it and the one behind it', async (t) => {
  const events = [7, 8, 9].map(event)
  const kept = [message(1, 6), message(2, 7), message(3, 7), message(4, 9)]
  t.strictSame(short(recover(from(6, 0), missed({ events, kept }))), [
    ...['seq 1', 'e1-7', 'seq 2', 'seq 3', 'e1-8', 'e1-9', 'seq 4'],
  ])
})

t.test('what the node has not applied comes later, live', async (t) => {
  const events = [7, 8, 9].map(event)
  const kept = [message(1, 7), message(2, 8), message(3, 9)]
  const { frames, standing } = recover(from(6, 0), missed({ events, kept, applied: at(8) }))
  t.strictSame(short({ frames }), ['e1-7', 'seq 1', 'e1-8', 'seq 2'])
  t.strictSame(standing, from(8, 2))
})

t.test('what stands behind events that have not been read waits for them', async (t) => {
  const kept = [message(1, 7), message(2, 9)]
  const meanwhile = [{ seq: 3, frame: frame('3') }]
  const first = recover(from(6, 0), missed({ events: [7, 8].map(event), kept, meanwhile }))
  t.strictSame(short(first), ['e1-7', 'seq 1', 'e1-8'])
  t.strictSame(first.standing, from(8, 1))
  const next = recover(first.standing, missed({ events: [event(9)], kept: kept.slice(1), meanwhile }))
  t.strictSame(short(next), ['e1-9', 'seq 2', 'seq 3'])
})

t.test('where a message is missing, those behind it wait', async (t) => {
  const live = [4, 5].map((seq) => ({ seq, frame: frame(`${seq}`) }))
  const { frames, standing } = recover(from(9, 2), missed({ meanwhile: live }))
  t.strictSame({ frames, standing }, { frames: [], standing: from(9, 2) })
  const found = recover(from(9, 2), missed({ kept: [message(3, 8), message(4, 9)], meanwhile: live }))
  t.strictSame(short(found), ['seq 3', 'seq 4', 'seq 5'])
})
