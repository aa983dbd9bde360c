import { scryptSync } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { COST, hashPassword, verifyPassword } from '../../src/accounts/passwords.js'

/** As cheap as scrypt can be. */
const CHEAP = { N: 2, r: 1, p: 1 }

const PASSWORD = 'la tertulia de las ocho'

t.test('a hash says how it was made, and its salt', async (t) => {
  const kept = await hashPassword(PASSWORD, { N: 4, r: 2, p: 3 })
  const [scheme, N, r, p, salt = '', hash = '', ...rest] = kept.split('$')
  t.same([scheme, N, r, p, rest], ['scrypt', '4', '2', '3', []])
  t.match(salt, /^[\w-]{22}$/, '16 bytes')
  t.match(hash, /^[\w-]{43}$/, '32 bytes')
  const derived = scryptSync(PASSWORD, Buffer.from(salt, 'base64url'), 32, { N: 4, r: 2, p: 3 })
  t.equal(hash, derived.toString('base64url'))
})

t.test('no two hashes of a password are the same', async (t) => {
  const hashes = await Promise.all(Array.from({ length: 20 }, () => hashPassword(PASSWORD, CHEAP)))
  t.equal(new Set(hashes.map((hash) => hash.split('$')[4])).size, 20, 'salts')
  t.equal(new Set(hashes.map((hash) => hash.split('$')[5])).size, 20, 'hashes')
})

t.test('the right password verifies, and no other', async (t) => {
  const kept = await hashPassword(PASSWORD, CHEAP)
  t.ok(await verifyPassword(PASSWORD, kept))
  for (const wrong of ['', `${PASSWORD} `, PASSWORD.toUpperCase(), PASSWORD.slice(1), kept])
    t.notOk(await verifyPassword(wrong, kept), wrong)
})

t.test('any password verifies', async () => {
  const property = fc.asyncProperty(fc.string({ unit: 'grapheme' }), async (password) =>
    verifyPassword(password, await hashPassword(password, CHEAP)),
  )
  await fc.assert(property, { numRuns: 50 })
})

t.test('what was hashed at another cost still verifies', async (t) => {
  for (const cost of [CHEAP, { N: 16, r: 1, p: 1 }, { N: 4, r: 8, p: 5 }, { N: 2, r: 1, p: 300 }]) {
    const kept = await hashPassword(PASSWORD, cost)
    t.ok(await verifyPassword(PASSWORD, kept), kept)
    t.notOk(await verifyPassword('another password', kept), kept)
  }
})

t.test('a password costs what OWASP asks for', async (t) => {
  t.same(COST, { N: 16_384, r: 8, p: 5 })
  const kept = await hashPassword(PASSWORD, COST)
  t.match(kept, /^scrypt\$16384\$8\$5\$/)
  t.ok(await verifyPassword(PASSWORD, kept))
})

t.test('RFC 7914, 12: the test vectors verify', async (t) => {
  const vectors = [
    {
      password: 'password',
      salt: 'NaCl',
      cost: '1024$8$16',
      hex: 'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640',
    },
    {
      password: 'pleaseletmein',
      salt: 'SodiumChloride',
      cost: '16384$8$1',
      hex: '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887',
    },
  ]
  for (const { password, salt, cost, hex } of vectors) {
    const kept = `scrypt$${cost}$${Buffer.from(salt).toString('base64url')}$${Buffer.from(hex, 'hex').toString('base64url')}`
    t.ok(await verifyPassword(password, kept), password)
    t.notOk(await verifyPassword(`${password}.`, kept), password)
  }
})

t.test('what was not written by it is nobody’s password', async (t) => {
  const kept = await hashPassword(PASSWORD, CHEAP)
  const [, , , , salt = '', hash = ''] = kept.split('$')
  const junk = {
    nothing: '',
    'an empty hash': 'scrypt$2$1$1$$',
    'an empty hash with a salt': `scrypt$2$1$1$${salt}$`,
    'no hash': `scrypt$2$1$1$${salt}`,
    'a hash that was cut off': kept.slice(0, -30),
    'a hash of another length': kept.slice(0, -1),
    'a hash that is not base64url': `scrypt$2$1$1$${salt}$${hash.slice(1)}=`,
    'no salt': `scrypt$2$1$1$$${hash}`,
    'another scheme': kept.replace('scrypt', 'argon2id'),
    'another salt': kept.replace(salt, 'A'.repeat(22)),
    'more behind it': `${kept}$`,
    'a line feed behind it': `${kept}\n`,
    'a space before it': ` ${kept}`,
    'no cost': `scrypt$$$$${salt}$${hash}`,
    'a cost of 0': `scrypt$0$0$0$${salt}$${hash}`,
    'N that is no power of 2': `scrypt$3$1$1$${salt}$${hash}`,
    'N that is 1': `scrypt$1$1$1$${salt}$${hash}`,
    'N that is too large for r': `scrypt$65536$1$1$${salt}$${hash}`,
    'N that is too large for a machine': `scrypt$1073741824$8$1$${salt}$${hash}`,
    'N that is too large for anything': `scrypt$${'9'.repeat(400)}$1$1$${salt}$${hash}`,
    'r that is too large': `scrypt$2$4294967296$1$${salt}$${hash}`,
    'p that is too large': `scrypt$2$8$4294967295$${salt}$${hash}`,
    'N that is negative': `scrypt$-2$1$1$${salt}$${hash}`,
    'N in hexadecimal': kept.replace('$2$', '$0x2$'),
    'N that is no number': `scrypt$NaN$1$1$${salt}$${hash}`,
  }
  for (const [what, value] of Object.entries(junk)) {
    t.equal(await verifyPassword(PASSWORD, value), false, what)
    t.equal(await verifyPassword('', value), false, `${what}, and no password`)
  }
})

t.test(
  'a cost that is left out, or 0, is none: what Node takes instead is not what was written',
  async (t) => {
    const salt = Buffer.from('a salt of 16 b..')
    const hash = scryptSync(PASSWORD, salt, 32).toString('base64url')
    for (const cost of ['0$0$0', '$$', '0$8$1', '16384$0$1', '16384$8$0', '016384$8$1'])
      t.notOk(await verifyPassword(PASSWORD, `scrypt$${cost}$${salt.toString('base64url')}$${hash}`), cost)
    t.ok(await verifyPassword(PASSWORD, `scrypt$16384$8$1$${salt.toString('base64url')}$${hash}`))
  },
)

t.test('nothing makes it throw', async () => {
  const part = fc.oneof(fc.constantFrom('scrypt', '2', '1', '16', '', '$', 'A'.repeat(43)), fc.string())
  const kept = fc.oneof(
    fc.string(),
    fc.array(part, { maxLength: 8 }).map((parts) => parts.join('$')),
  )
  const property = fc.asyncProperty(kept, async (value) => (await verifyPassword(PASSWORD, value)) === false)
  await fc.assert(property, { numRuns: 500 })
})

t.test('a cost that cannot be is an error, not a hash', async (t) => {
  await t.rejects(hashPassword(PASSWORD, { N: 3, r: 1, p: 1 }), RangeError)
})
