import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { readRegistration } from '../../src/protocol/registration.js'
import { anyText } from './arbitraries.js'

const PASSWORD = 'la tertulia'
const field = (detail: string) => ({ code: 'INVALID_FIELD', detail })
const NO_PASSWORD = field('"content.password" debe ser un texto de 8 a 128 caracteres')
const NO_TOKEN = field('"content.token" debe ser un texto')
const BOTH = field('"content" lleva "password" o "token", no los dos')
const NO_HISTORY = field('"content.history" debe ser un número entero de 0 a 100')
const NO_RESUME = field('"content.resume" debe llevar "session", "position" y "seq" de la sesión')

/** What an object asks for that proves something, or why it is refused. */
function credential(content: object) {
  const read = readRegistration(content)
  if ('code' in read) return read
  assert.deepEqual(read.extensions, {}, 'an extended session')
  return read.credential
}
const password = (text: unknown) => credential({ password: text })

t.test('1.4 null, absent or a string ask for nothing', async (t) => {
  for (const content of [undefined, null, '', 'hola', '{"password":"12345678"}'])
    t.strictSame(readRegistration(content), {}, JSON.stringify(content))
})

t.test('part 2: an object asks for an extended session, whatever is in it', async (t) => {
  for (const content of [
    {},
    [],
    { color: 'red' },
    { Password: PASSWORD },
    { ' history': 1 },
    { sender: 'Ana' },
  ])
    t.strictSame(readRegistration(content), { extensions: {} }, JSON.stringify(content))
})

t.test('an object holds a password or a token', async (t) => {
  t.strictSame(credential({ password: PASSWORD }), { password: PASSWORD })
  for (const token of ['a.b.c', '', 'no token at all', '\ud800'])
    t.strictSame(credential({ token }), { token }, 'whoever checks it says what it is worth')
})

t.test('what else the object holds is not looked at', async (t) => {
  t.strictSame(credential({ password: PASSWORD, color: 'red', 0: null }), { password: PASSWORD })
  t.strictSame(credential({ user: 'Ana', token: 'a.b.c' }), { token: 'a.b.c' })
})

t.test('a password and a token together are one too many', async (t) => {
  for (const content of [
    { password: PASSWORD, token: 'a.b.c' },
    { password: 'short', token: 'a.b.c' },
    { password: null, token: 'a.b.c' },
    { password: PASSWORD, token: null },
    { password: 1, token: [] },
  ])
    t.strictSame(readRegistration(content), BOTH, JSON.stringify(content))
})

t.test('part 2: the history that is asked for is a whole number of messages up to 100', async (t) => {
  for (const history of [0, 1, 50, 100])
    t.strictSame(readRegistration({ history }), { extensions: { history } })
  t.strictSame(readRegistration({ history: undefined }), { extensions: {} })
  for (const history of [-1, 101, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '20', null, true, [20], {}])
    t.strictSame(readRegistration({ history }), NO_HISTORY, String(history))
})

const RESUME = { session: 's', position: '0a1f-12', seq: 3 }

t.test('part 2, 3: what takes a session up is its secret, and where the client stands', async (t) => {
  const resume = { secret: 's', position: { epoch: '0a1f', offset: 12 }, seq: 3 }
  t.strictSame(readRegistration({ resume: RESUME }), { extensions: { resume } })
  const more = { resume: { ...RESUME, seq: 0, color: 'red' }, history: 7, token: 'a.b.c' }
  t.strictSame(readRegistration(more), {
    credential: { token: 'a.b.c' },
    extensions: { history: 7, resume: { ...resume, seq: 0 } },
  })
  t.strictSame(readRegistration({ resume: undefined }), { extensions: {} })
})

t.test('part 2, 3: all three are needed, and each in its form', async (t) => {
  const wrong: [string, unknown[]][] = [
    ['session', [undefined, null, '', 1, {}, 's'.repeat(129)]],
    ['position', [undefined, null, '', 1, {}, 'x', 'x-', '-1', 'x-1.5', 'X-1', 'x-01', 'x--1', ' x-1']],
    ['seq', [undefined, null, '3', -1, 1.5, 2 ** 53, Number.NaN]],
  ]
  for (const [key, values] of wrong)
    for (const value of values)
      t.strictSame(readRegistration({ resume: { ...RESUME, [key]: value } }), NO_RESUME, `${key}: ${value}`)
  for (const { session, position, seq } of [RESUME])
    for (const resume of [null, 's', 1, [], {}, { session, position }, { session, seq }, { position, seq }])
      t.strictSame(readRegistration({ resume }), NO_RESUME, JSON.stringify(resume))
  t.match(readRegistration({ resume: { ...RESUME, session: 's'.repeat(128) } }), { extensions: {} })
})

t.test('of several things that are wrong the credential is named first', async (t) => {
  const content = { password: 'short', history: -1, resume: {} }
  t.strictSame(readRegistration(content), NO_PASSWORD)
  t.strictSame(readRegistration({ ...content, password: PASSWORD }), NO_HISTORY)
  t.strictSame(readRegistration({ ...content, password: PASSWORD, history: 1 }), NO_RESUME)
  t.strictSame(readRegistration({ ...content, token: 'a.b.c' }), BOTH)
})

t.test('a password or a token is a text', async (t) => {
  for (const value of [null, 12_345_678, true, [PASSWORD], { password: PASSWORD }]) {
    t.strictSame(password(value), NO_PASSWORD, JSON.stringify(value))
    t.strictSame(credential({ token: value }), NO_TOKEN, JSON.stringify(value))
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
