import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { readPosition, writePosition } from '../../src/protocol/position.js'
import { anyText } from './arbitraries.js'

t.test('part 2, 1: a position is an epoch and an offset', async (t) => {
  t.equal(writePosition({ epoch: '0a1f', offset: 12 }), '0a1f-12')
  t.strictSame(readPosition('0a1f-12'), { epoch: '0a1f', offset: 12 })
  t.strictSame(readPosition('z-0'), { epoch: 'z', offset: 0 }, 'also of a room in which nothing has happened')
})

t.test('whatever was written is read', async () => {
  const epoch = fc.stringMatching(/^[0-9a-z]{1,64}$/)
  const property = fc.property(epoch, fc.nat({ max: 999_999_999_999_999 }), (epoch, offset) => {
    assert.deepEqual(readPosition(writePosition({ epoch, offset })), { epoch, offset })
  })
  fc.assert(property)
})

t.test('nothing else is a position', async (t) => {
  const wrong = [
    '',
    '-',
    'x',
    'x-',
    '-1',
    'x-x',
    'x-01',
    'x-00',
    'x-1.5',
    'x-1e3',
    'x--1',
    'x-+1',
    'x-1-1',
    'X-1',
  ]
  const odd = [
    ' x-1',
    'x-1 ',
    'x-1\n',
    'x\n-1',
    'ñ-1',
    'x-١',
    'x-1\0',
    `${'x'.repeat(65)}-1`,
    'x-1000000000000000',
  ]
  for (const text of [...wrong, ...odd]) t.equal(readPosition(text), undefined, JSON.stringify(text))
})

t.test('what is read is what is written', async () => {
  const nearly = fc
    .array(fc.constantFrom('x', '0', '7', '-', 'a', ' '), { maxLength: 8 })
    .map((all) => all.join(''))
  const property = fc.property(fc.oneof(nearly, anyText()), (text) => {
    const position = readPosition(text)
    if (position === undefined) return
    assert.equal(writePosition(position), text)
    assert.ok(Number.isSafeInteger(position.offset))
  })
  fc.assert(property, { numRuns: 2000 })
})
