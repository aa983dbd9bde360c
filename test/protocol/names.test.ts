import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { keyOf, MAX_NAME_CHARS, parseName } from '../../src/protocol/names.js'
import { someText } from './arbitraries.js'

const invalid = (detail: string) => ({ code: 'NAME_INVALID', detail })
const TOO_LONG = invalid('pasa de 64 caracteres')
const UNPRINTABLE = invalid('contiene un carácter que no se puede imprimir')

t.test('1.3 a name may be of any script, with spaces inside', async (t) => {
  for (const name of [
    'a',
    'Ana María',
    'Ñandú',
    'Ольга',
    '山田太郎',
    'مريم',
    'नेहा',
    '한글',
    '🦊',
    '"; DROP',
    'a{b}c',
  ])
    t.same(parseName(name), { name, key: keyOf(name) }, name)
})

t.test('1.3 a name is shown in NFC', async (t) => {
  t.same(parseName('Jose\u0301'), { name: 'Jos\u00e9', key: keyOf('jos\u00e9') })
  t.same(parseName('ﬁn'), { name: 'ﬁn', key: keyOf('fin') }, 'not in NFKC')
})

t.test('1.3 a name has 1 to 64 code points after NFC', async (t) => {
  t.same(parseName(''), invalid('está vacío'))
  t.match(parseName('a'.repeat(64)), { name: 'a'.repeat(64) })
  t.same(parseName('a'.repeat(65)), TOO_LONG)
  t.match(parseName('🦊'.repeat(64)), { name: '🦊'.repeat(64) }, 'code points, not UTF-16 units')
  t.same(parseName('🦊'.repeat(65)), TOO_LONG)
  // One code point of four: what NFC shortens most.
  t.match(parseName('\u1f82'.normalize('NFD').repeat(64)), { name: '\u1f82'.repeat(64) })
  t.same(parseName('\u1f82'.normalize('NFD').repeat(65)), TOO_LONG)
  t.same(parseName('\u0958'.repeat(33)), TOO_LONG, 'one of those that NFC makes two of')
  t.same(parseName('a'.repeat(1_000_000)), TOO_LONG)
})

t.test('1.3 a name is printable', async (t) => {
  const unprintable = {
    'a NUL': '\0',
    'a control character': '\n',
    'a C1 control character': '\u0085',
    'a format character': '\u200d',
    'a byte order mark': '\ufeff',
    'a bidirectional override': '\u202e',
    'a bidirectional isolate': '\u2066',
    'a tag': '\u{e0041}',
    'a soft hyphen': '\u00ad',
    'a variation selector': '\ufe0f',
    'a Hangul filler': '\u3164',
    'a grapheme joiner': '\u034f',
    'a private character': '\ue000',
    'an unassigned character': '\u{2ffff}',
    'a line separator': '\u2028',
    'a paragraph separator': '\u2029',
    'a no-break space': '\u00a0',
    'an ideographic space': '\u3000',
    'an en quad': '\u2000',
  }
  for (const [what, character] of Object.entries(unprintable))
    t.same(parseName(`a${character}b`), UNPRINTABLE, what)
  for (const surrogate of ['\ud800', '\udc00'])
    t.same(parseName(`a${surrogate}b`), invalid('contiene un carácter incompleto'))
})

t.test('1.3 a name does not begin or end with a space', async (t) => {
  for (const name of [' ', ' a', 'a ', '  a b  '])
    t.same(parseName(name), invalid('empieza o termina con un espacio'), JSON.stringify(name))
})

t.test('1.3 server is reserved, in any case', async (t) => {
  for (const name of ['server', 'SERVER', 'Server', 'sErVeR', 'ｓｅｒｖｅｒ', 'ſerver'])
    t.same(parseName(name), { code: 'NAME_RESERVED', detail: name }, name)
  t.match(parseName('servers'), { name: 'servers' })
})

t.test('1.3 what looks like server is reserved too', async (t) => {
  const alike = {
    'a Cyrillic letter': 's\u0435rver',
    'all that Cyrillic has of it': '\u0455\u0435rv\u0435r',
    'Cyrillic in upper case': '\u0405\u0415RV\u0415R',
    'a Cyrillic r': 'seгver',
    'a Cyrillic v': 'ser\u0475er',
    'a Greek v': 'ser\u03bder',
    'Greek in upper case': 'S\u0395RVER',
    'an Armenian S': '\u054fERVER',
    'a Coptic r': 'se\u2c85ver',
    'what looks like an r in lower case': 'SE\u0413VER',
    'what looks like an r in upper case': 'se\u0280ver',
    'Cherokee in lower case': '\uabaa\uab7c\uaba2\uaba9\uab7c\uaba2',
    'what looks like a v in lower case': 'SER\u039dER',
    'a small capital v': 'ser\u1d20er',
    'a Cherokee E': 'S\u13acRVER',
    'all of it Cherokee': '\u13da\u13ac\u13d2\u13d9\u13ac\u13d2',
    'all of it Lisu': '\ua4e2\ua4f0\ua4e3\ua4e6\ua4f0\ua4e3',
    'a long s': '\u017ferver',
    'full width': '\uff33\uff25\uff32\uff36\uff25\uff32',
    'letters of mathematics': '\u{1d42c}\u{1d41e}\u{1d42b}\u{1d42f}\u{1d41e}\u{1d42b}',
    'letters in circles': 'ⓢⓔⓡⓥⓔⓡ',
  }
  for (const [what, name] of Object.entries(alike))
    t.same(parseName(name), { code: 'NAME_RESERVED', detail: name }, `${what}: ${name}`)
})

t.test('1.3 what only resembles server, and names of any script, are free', async (t) => {
  for (const name of [
    'serve',
    'servers',
    'observer',
    'sever',
    'sérver',
    'şerver',
    'serwer',
    's erver',
    'server1',
  ])
    t.match(parseName(name), { name }, name)
  for (const name of [
    'сервер',
    'СЕРВЕР',
    'Сергей',
    'Вера',
    'Σερβερ',
    'Ελένη',
    'ՍԵՐՎԵՐ',
    'Արամ',
    'ᏣᎳᎩ',
    'サーバー',
    '服务器',
    'خادم',
    'שרת',
  ])
    t.match(parseName(name), { name }, name)
})

t.test('1.3 nothing is accepted that breaks a rule', async () => {
  const property = fc.property(someText(), (input) => {
    const read = parseName(input)
    fc.pre(!('code' in read))
    const characters = [...read.name]
    assert.equal(read.name, input.normalize('NFC'))
    assert.equal(read.key, keyOf(input))
    assert.ok(characters.length >= 1 && characters.length <= MAX_NAME_CHARS)
    assert.doesNotMatch(read.name, /\p{Cc}|\p{Cf}|\p{Cs}|\p{Bidi_Control}|\p{Zl}|\p{Zp}/u)
    assert.doesNotMatch(read.name, /(?! )\p{White_Space}|^ | $/u)
    assert.notEqual(read.key, keyOf('server'))
    assert.deepEqual(parseName(read.name), read, 'as it is shown, it is the same name')
  })
  fc.assert(property, { numRuns: 1000 })
})

t.test('1.3 two names are the same whatever their case, composition and width', async (t) => {
  const same = [
    ['Ana', 'ANA', 'ana', 'aNa', 'Ａｎａ'],
    ['José', 'JOSE\u0301', 'jose\u0301'],
    ['Straße', 'STRASSE', 'strasse'],
    ['ΟΔΟΣ', 'οδος', 'οδοσ', 'Οδός'.normalize('NFD').replace('\u0301', '')],
    ['ﬁn', 'fin', 'FIN'],
    ['Å', '\u212b', 'a\u030a'],
  ]
  for (const [first = '', ...others] of same)
    for (const other of others) t.equal(keyOf(other), keyOf(first), `${other} is ${first}`)
  t.not(keyOf('Ana'), keyOf('Aná'), 'but an accent counts')
})

t.test('1.3 the capital sharp s is the same letter as the small one', async (t) => {
  t.equal(keyOf('STRAẞE'), keyOf('Straße'))
})

t.test('1.3 a key is its own key', async () => {
  fc.assert(
    fc.property(someText(), (name) => keyOf(keyOf(name)) === keyOf(name)),
    { numRuns: 5000 },
  )
})

t.test('1.3 a name has the same key composed, decomposed and in lower case', async () => {
  const property = fc.property(someText(), (name) => {
    const key = keyOf(name)
    return [name.normalize('NFC'), name.normalize('NFD'), name.toLowerCase()].every(
      (one) => keyOf(one) === key,
    )
  })
  fc.assert(property, { numRuns: 5000 })
})

t.test('1.3 every letter that has a case has one key in all its cases', async (t) => {
  const differing: string[] = []
  for (let code = 0; code <= 0x1ffff; code += 1) {
    const letter = String.fromCodePoint(code)
    if (!/\p{Cased}/u.test(letter)) continue
    const key = keyOf(letter)
    const cases = [key, letter.toUpperCase(), letter.toLowerCase()]
    if (cases.some((one) => keyOf(one) !== key)) differing.push(letter)
  }
  t.same(differing, [])
})

t.test('what is far too long to be a name is nobody, and is not normalised', async (t) => {
  const long = `a${'\u0315'.repeat(16_000)}${'\u0316'.repeat(16_000)}`
  t.equal(keyOf(long), keyOf('x'.repeat(513)))
  t.not(keyOf('x'.repeat(512)), keyOf(long))
})
