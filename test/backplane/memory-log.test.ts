import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type LogLimits, MemoryLog } from '../../src/backplane/memory-log.js'
import { keyOf } from '../../src/protocol/names.js'
import type { Event } from '../../src/room/events.js'

const key = keyOf('Ana')
/** What an event is counted as beside its frame. */
const EVENT_BYTES = 1024

function append(log: MemoryLog, frameBytes = 2): Event {
  const event: Event = { kind: 'said', position: log.next, key, frame: Buffer.alloc(frameBytes) }
  log.append(event)
  return event
}

function filled(limits: LogLimits, sizes: readonly number[]) {
  const log = new MemoryLog('e', limits)
  return { log, events: sizes.map((size) => append(log, size)) }
}

const at = (offset: number, epoch = 'e') => ({ epoch, offset })

/** The offsets of the events after a position. */
function offsets(log: MemoryLog, after: number, limit = 1000): number[] | 'lost' {
  const slice = log.read(at(after), limit)
  return slice === 'lost' ? 'lost' : slice.events.map(({ position }) => position.offset)
}

t.test('offsets count from 1', async (t) => {
  const log = new MemoryLog('e', { maxEvents: 10 })
  t.strictSame(log.head, at(0))
  t.strictSame(log.next, at(1))
  append(log)
  t.strictSame(log.head, at(1))
  t.strictSame(log.next, at(2))
})

t.test('what follows a position is read, at most as much as is asked for', async (t) => {
  const { log, events } = filled({ maxEvents: 10 }, [1, 1, 1, 1])
  t.strictSame(log.read(at(1), 2), { events: events.slice(1, 3), head: at(4) })
  t.strictSame(log.read(at(0), 100), { events, head: at(4) })
  t.strictSame(log.read(at(4), 100), { events: [], head: at(4) })
})

t.test('a position of another epoch, or one that lies ahead, is lost', async (t) => {
  const { log } = filled({ maxEvents: 10 }, [1, 1])
  t.equal(log.read(at(1, 'another'), 10), 'lost')
  t.equal(log.read(at(3), 10), 'lost')
  t.equal(new MemoryLog('e', { maxEvents: 10 }).read(at(1), 10), 'lost')
})

t.test('no more events are kept than the limit', async (t) => {
  const { log } = filled({ maxEvents: 3 }, [1, 1, 1])
  t.strictSame(offsets(log, 0), [1, 2, 3])
  append(log)
  t.equal(offsets(log, 0), 'lost')
  t.strictSame(offsets(log, 1), [2, 3, 4])
})

t.test('no more bytes are kept than the limit, however few events that is', async (t) => {
  const maxBytes = 3 * (EVENT_BYTES + 100)
  const { log } = filled({ maxEvents: 1000, maxBytes }, [100, 100, 100])
  t.strictSame(offsets(log, 0), [1, 2, 3])
  append(log, 1)
  t.equal(offsets(log, 0), 'lost')
  t.strictSame(offsets(log, 1), [2, 3, 4])
  append(log, 300)
  t.equal(offsets(log, 2), 'lost')
  t.strictSame(offsets(log, 3), [4, 5])
})

t.test('an event without a frame counts too', async (t) => {
  const log = new MemoryLog('e', { maxEvents: 1000, maxBytes: 2 * EVENT_BYTES })
  const presence = {
    key,
    name: 'Ana',
    session: 's',
    node: 'n',
    ip: '192.0.2.1',
    status: 'ACTIVO',
    connectedAt: 0,
    order: 1,
  } as const
  for (let count = 0; count < 3; count += 1)
    log.append({ kind: 'joined', position: log.next, presence, fresh: true, at: 0 })
  t.equal(offsets(log, 0), 'lost')
  t.strictSame(offsets(log, 1), [2, 3])
})

t.test('an event larger than the limit is not kept, and what comes after it is', async (t) => {
  const { log } = filled({ maxEvents: 1000, maxBytes: EVENT_BYTES + 1000 }, [1, 2000])
  t.strictSame(log.head, at(2))
  t.equal(offsets(log, 1), 'lost')
  t.strictSame(offsets(log, 2), [])
  append(log)
  t.strictSame(offsets(log, 2), [3])
})

t.test('without a limit in bytes 16 MiB are kept', async (t) => {
  const mebibyte = 1024 * 1024 - EVENT_BYTES
  const { log } = filled({ maxEvents: 1000 }, Array(16).fill(mebibyte))
  t.equal(offsets(log, 0)?.length, 16)
  append(log)
  t.equal(offsets(log, 0), 'lost')
  t.equal(offsets(log, 1)?.length, 16)
})

t.test('whatever was appended, it keeps as much of the end as the limits allow', async () => {
  const runs = fc.record({
    sizes: fc.array(fc.nat(600), { maxLength: 200, size: 'max' }),
    maxEvents: fc.nat(40),
    maxBytes: fc.integer({ min: 100, max: 48_000 }),
    limit: fc.integer({ min: 1, max: 50 }),
  })
  const property = fc.property(runs, ({ sizes, maxEvents, maxBytes, limit }) => {
    const { log, events } = filled({ maxEvents, maxBytes }, sizes)
    let first = sizes.length
    for (let bytes = 0; first > 0 && sizes.length - first < maxEvents; first -= 1) {
      bytes += EVENT_BYTES + (sizes[first - 1] ?? 0)
      if (bytes > maxBytes) break
    }
    for (let after = 0; after <= sizes.length; after += 1) {
      const expected = { events: events.slice(after, after + limit), head: at(sizes.length) }
      assert.deepEqual(log.read(at(after), limit), after < first ? 'lost' : expected, `after ${after}`)
    }
  })
  fc.assert(property, { numRuns: 200 })
})
