import fc from 'fast-check'
import t from 'tap'
import { readAccount, writeAccount } from '../../src/room/accounts.js'

t.test('an account is its id, a space, and the rest', async (t) => {
  t.equal(writeAccount('a1', '{"hash":"x y"}'), 'a1 {"hash":"x y"}')
  t.strictSame(readAccount('a1 {"hash":"x y"}'), { id: 'a1', rest: '{"hash":"x y"}' })
})

t.test('whatever the rest is, it comes out as it went in', async (t) => {
  const id = fc.stringMatching(/^[\w-]{1,30}$/)
  const property = fc.property(id, fc.string({ unit: 'binary' }), (id, rest) => {
    t.strictSame(readAccount(writeAccount(id, rest)), { id, rest })
  })
  fc.assert(property)
})
