import fc from 'fast-check'
import t from 'tap'
import { Cursor } from '../../src/client/incoming.js'
import type { ServerFrame } from '../../src/client/types.js'

const said = (position: string | undefined): ServerFrame => ({
  type: 'broadcast',
  sender: 'Ana',
  content: position ?? '',
  timestamp: '',
  position,
})

const whispered = (seq: number | undefined): ServerFrame => ({
  type: 'private',
  sender: 'Ana',
  target: 'Beto',
  content: String(seq),
  timestamp: '',
  seq,
})

t.test('a position that is not ahead is a repeat; between positions there are gaps', (t) => {
  const cursor = new Cursor('e1-5', 0)
  t.same(
    ['e1-5', 'e1-4', 'e1-6', 'e1-6', 'e1-9', 'e1-10', 'e1-9'].map((position) => cursor.take(said(position))),
    ['repeat', 'repeat', 'new', 'repeat', 'new', 'new', 'repeat'],
  )
  t.equal(cursor.position, 'e1-10')
  t.end()
})

t.test('what stands in another epoch is new, and what follows in it', (t) => {
  const cursor = new Cursor('e1-5', 0)
  t.same(
    ['e1-6', 'e2-1', 'e2-2', 'e2-2'].map((position) => cursor.take(said(position))),
    ['new', 'new', 'new', 'repeat'],
  )
  t.end()
})

t.test('the position of an acknowledgement is not where the client stands', (t) => {
  const cursor = new Cursor('e1-5', 0)
  t.equal(cursor.take({ type: 'ack', content: null, position: 'e1-9', ref: '1' }), 'new')
  t.equal(cursor.position, 'e1-5')
  t.end()
})

t.test('frames without position or seq are taken', (t) => {
  const cursor = new Cursor('e1-5', 3)
  t.equal(cursor.take(said(undefined)), 'new')
  t.equal(cursor.take(whispered(undefined)), 'new')
  t.equal(cursor.take({ type: 'list_users_response', content: [], ref: undefined }), 'new')
  t.same([cursor.position, cursor.seq], ['e1-5', 3])
  t.end()
})

t.test('a missing private message is a hole, and a gap when it is missing again', (t) => {
  const cursor = new Cursor('e1-5', 3)
  t.same(
    [4, 4, 6, 5, 6, 8, 8, 9, 8].map((seq) => cursor.take(whispered(seq))),
    ['new', 'repeat', 'hole', 'new', 'new', 'hole', 'gap', 'new', 'repeat'],
  )
  t.end()
})

t.test('whatever is repeated, each is taken once and in order', (t) => {
  const stretches = fc.array(fc.tuple(fc.nat(8), fc.integer({ min: 1, max: 5 })), { maxLength: 30 })
  fc.assert(
    fc.property(stretches, (turns) => {
      const cursor = new Cursor('e-0', 0)
      const positions: string[] = []
      const seqs: number[] = []
      for (const [back, count] of turns) {
        // The server goes back by some frames, and then on beyond where the client stands.
        const from = Math.max(0, cursor.seq - back)
        const to = cursor.seq + count
        for (let seq = from + 1; seq <= to; seq += 1) {
          if (cursor.take(said(`e-${seq}`)) === 'new') positions.push(`e-${seq}`)
          if (cursor.take(whispered(seq)) === 'new') seqs.push(seq)
        }
      }
      return (
        seqs.every((seq, index) => seq === index + 1) &&
        positions.length === seqs.length &&
        positions.every((position, index) => position === `e-${index + 1}`)
      )
    }),
  )
  t.end()
})
