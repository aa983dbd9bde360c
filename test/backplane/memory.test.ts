import t from 'tap'
import { MemoryBackplane, MemoryRoom } from '../../src/backplane/memory.js'
import { backplaneContract } from '../contract/backplane.js'
import type { Harness, RoomOptions } from '../contract/harness.js'
import { hold, join, person, say } from '../contract/people.js'
import { RecordingSink } from '../contract/recording-sink.js'
import { verdicts } from '../contract/room.js'

const NODE = { label: 'solo', startedAt: 1 }

async function open({ keptEvents, ...options }: RoomOptions): Promise<Harness> {
  const terms = { accountTtlMs: 3_600_000, resumeGraceMs: 3_600_000 }
  const room = new MemoryRoom({ ...terms, ...options, maxEvents: keptEvents })
  const backplanes: MemoryBackplane[] = []
  return {
    connect: async () => {
      const backplane = new MemoryBackplane(room)
      backplanes.push(backplane)
      return { backplane, store: room.store }
    },
    sweep: async (nodeId) => room.sweep(nodeId, Date.now()),
    close: async () => {
      for (const backplane of backplanes) await backplane.close()
    },
  }
}

await backplaneContract(t, { name: 'memory', open })

t.test('a node that has not started commits nothing', async (t) => {
  const backplane = new MemoryBackplane(new MemoryRoom({ maxEvents: 10 }))
  t.strictSame(verdicts(await backplane.commit([join(person('Ana'))])), ['UNAVAILABLE'])
})

t.test('a node is known by its label, and its claim to be alive does not end', async (t) => {
  const backplane = new MemoryBackplane(new MemoryRoom({ maxEvents: 10 }))
  await backplane.start(NODE, new RecordingSink())
  t.match(backplane.id, /^solo-[0-9a-f]{16}$/)
  t.strictSame(await backplane.nodes(), [{ ...NODE, id: backplane.id, sessions: 0, leaseMs: null }])
})

t.test('what is committed has been told when the outcomes are known', async (t) => {
  const backplane = new MemoryBackplane(new MemoryRoom({ maxEvents: 10 }))
  const sink = new RecordingSink()
  await backplane.start(NODE, sink)
  const ana = person('Ana')
  await backplane.commit([join(ana), say(ana)])
  t.strictSame(
    sink.told.map(({ kind }) => kind),
    ['joined', 'said'],
  )
})

t.test('no two rooms have the same epoch', async (t) => {
  const epochs = Array.from({ length: 10 }, () => new MemoryRoom({ maxEvents: 10 }).snapshot().position.epoch)
  t.equal(new Set(epochs).size, 10)
})

t.test('sweeping a node that is not there changes nothing', async (t) => {
  const room = new MemoryRoom({ maxEvents: 10 })
  const before = room.snapshot()
  room.sweep('nobody', 0)
  t.strictSame(room.snapshot(), before)
})

t.test('each who is held leaves in its own time, by the clock of the room', async (t) => {
  let clock = 0
  const room = new MemoryRoom({ maxEvents: 10, resumeGraceMs: 30, now: () => clock })
  const backplane = new MemoryBackplane(room)
  const sink = new RecordingSink()
  await backplane.start(NODE, sink)
  const [ana, beto] = [person('Ana'), person('Beto')]
  await backplane.commit([join(ana, { secretHash: 'a' }), join(beto, { secretHash: 'b' }), hold(ana)])
  clock = 10
  await backplane.commit([hold(beto)])
  const left = () => sink.told.flatMap((told) => (told.kind === 'left' ? [told.key] : []))
  clock = 30
  await sink.until('the first has left', () => left().length === 1)
  clock = 40
  await sink.until('the second has left', () => left().length === 2)
  t.strictSame(left(), [ana.key, beto.key])
})
