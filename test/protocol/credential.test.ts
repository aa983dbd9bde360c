import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { readCredential } from '../../src/protocol/credential.js'
import { anyText } from './arbitraries.js'

const PASSWORD = 'la tertulia'
const field = (detail: string) => ({ code: 'INVALID_FIELD', detail })
const NO_PASSWORD = field('"content.password" debe ser un texto de 8 a 128 caracteres')
const NO_TOKEN = field('"content.token" debe ser un texto')
const BOTH = field('"content" lleva "password" o "token", no los dos')
const UNAVAILABLE = { code: 'EXTENSIONS_UNAVAILABLE' }

const password = (text: unknown) => readCredential({ password: text })

t.test('whoever shows nothing is a guest', async (t) => {
  for (const content of [undefined, null, '', 'hola', '{"password":"12345678"}'])
    t.equal(readCredential(content), undefined, JSON.stringify(content))
})

t.test('an object holds a password or a token', async (t) => {
  t.strictSame(readCredential({ password: PASSWORD }), { password: PASSWORD })
  for (const token of ['a.b.c', '', 'no token at all', '\ud800'])
    t.strictSame(readCredential({ token }), { token }, 'whoever checks it says what it is worth')
})

t.test('what else the object holds is not looked at', async (t) => {
  t.strictSame(readCredential({ password: PASSWORD, color: 'red', 0: null }), { password: PASSWORD })
  t.strictSame(readCredential({ user: 'Ana', token: 'a.b.c' }), { token: 'a.b.c' })
})

t.test('a password and a token together are one too many', async (t) => {
  for (const content of [
    { password: PASSWORD, token: 'a.b.c' },
    { password: 'short', token: 'a.b.c' },
    { password: null, token: 'a.b.c' },
    { password: PASSWORD, token: null },
    { password: 1, token: [] },
  ])
    t.strictSame(readCredential(content), BOTH, JSON.stringify(content))
})

t.test('what asks for extensions that are not there is refused', async (t) => {
  for (const content of [
    {},
    [],
    ['password'],
    [{ password: PASSWORD }],
    { history: 20 },
    { resume: { epoch: 'a', offset: 1 } },
    { history: null },
    { Password: PASSWORD },
    { ' password': PASSWORD },
    { password: undefined, token: undefined },
    { password: PASSWORD, history: 20 },
    { token: 'a.b.c', resume: null },
    { password: PASSWORD, token: 'a.b.c', history: 20 },
    { password: 'short', resume: '' },
  ])
    t.strictSame(readCredential(content), UNAVAILABLE, JSON.stringify(content))
})

t.test('a password or a token is a text', async (t) => {
  for (const value of [null, 12_345_678, true, [PASSWORD], { password: PASSWORD }]) {
    t.strictSame(password(value), NO_PASSWORD, JSON.stringify(value))
    t.strictSame(readCredential({ token: value }), NO_TOKEN, JSON.stringify(value))
  }
})

t.test('a password has 8 to 128 code points', async (t) => {
  for (const character of ['a', 'ñ', '山', '🦊', ' ']) {
    for (const length of [8, 9, 127, 128]) {
      const text = character.repeat(length)
      t.strictSame(password(text), { password: text }, `${length} of ${character}`)
    }
    for (const length of [0, 1, 7, 129, 512, 513, 1024, 1025, 100_000])
      t.strictSame(password(character.repeat(length)), NO_PASSWORD, `${length} of ${character}`)
  }
  t.strictSame(password('👩\u200d👩\u200d👧'), NO_PASSWORD, 'a family is five')
})

t.test('a password is the same however it was typed: it is counted and kept in NFC', async (t) => {
  const composed = 'contraseñá'
  t.strictSame(password(composed.normalize('NFD')), { password: composed })
  t.strictSame(password('é'.normalize('NFD').repeat(7)), NO_PASSWORD, '14 before, 7 after')
  t.strictSame(password('é'.normalize('NFD').repeat(128)), { password: 'é'.repeat(128) }, '256 before')
  t.strictSame(password('é'.normalize('NFD').repeat(129)), NO_PASSWORD)
  t.strictSame(password('ﬁﬁﬁﬁﬁﬁﬁﬁ'), { password: 'ﬁﬁﬁﬁﬁﬁﬁﬁ' }, 'and not in NFKC')
  // One code point of four: what NFC shortens most.
  t.strictSame(password('\u1f82'.normalize('NFD').repeat(128)), { password: '\u1f82'.repeat(128) })
  t.strictSame(password('\u0958'.repeat(64)), { password: '\u0958'.repeat(64).normalize('NFC') })
  t.strictSame(password('\u0958'.repeat(65)), NO_PASSWORD, 'one of those that NFC makes two of')
  t.strictSame(password(`a${'\u0301'.repeat(127)}`), { password: `á${'\u0301'.repeat(126)}` })
})

t.test('a password with half a character is none', async (t) => {
  for (const half of ['\ud800', '\udc00', '\udc00\ud800'])
    for (const text of [`${half}12345678`, `1234${half}5678`, `12345678${half}`])
      t.strictSame(password(text), NO_PASSWORD, JSON.stringify(text))
})

t.test('a password may hold anything else, and stays as it is', async (t) => {
  for (const text of [
    '        ',
    ' spaces around ',
    '\0\0\0\0\0\0\0\0',
    '\n12345678',
    '"}{"$\\u0041x',
    '\u202eabcdefgh',
  ])
    t.strictSame(password(text), { password: text }, JSON.stringify(text))
})

t.test('what is taken for a password keeps to the rules, and is taken again as it is', async () => {
  const property = fc.property(anyText(200), (text) => {
    const read = password(text)
    assert.ok(read !== undefined)
    const length = [...text.normalize('NFC')].length
    const right = text.isWellFormed() && length >= 8 && length <= 128
    assert.equal('password' in read, right)
    if (!('password' in read)) return
    assert.equal(read.password, text.normalize('NFC'))
    assert.deepEqual(password(read.password), read)
  })
  fc.assert(property, { numRuns: 1000 })
})
