import t from 'tap'
import { CLOSES, type CloseDefinition, ERRORS, type ErrorCode, errorText } from '../../src/protocol/codes.js'

const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(ERRORS, text)
const codes = Object.keys(ERRORS).filter(isErrorCode)
const closes: CloseDefinition[] = Object.values(CLOSES)

t.test('1.2 to 1.4 errors say what clients look for', async (t) => {
  t.equal(errorText({ code: 'NOT_REGISTERED' }), 'Debes registrarte primero')
  t.equal(errorText({ code: 'USER_NOT_FOUND' }), 'Usuario no encontrado')
  t.match(errorText({ code: 'NAME_TAKEN' }), 'El usuario ya existe')
})

t.test('an error with a detail says it in its text', async (t) => {
  t.equal(errorText({ code: 'NAME_INVALID', detail: 'está vacío' }), 'El nombre no es válido: está vacío')
  t.equal(errorText({ code: 'INVALID_JSON' }), 'El mensaje no es JSON válido', 'also when there is none')
  t.equal(
    errorText({ code: 'NOT_REGISTERED', detail: 'más' }),
    'Debes registrarte primero',
    'if it has a place',
  )
})

t.test('a detail is taken as it is, not as a pattern', async (t) => {
  t.equal(errorText({ code: 'NAME_RESERVED', detail: "$& $' $$" }), `El nombre "$& $' $$" está reservado`)
})

t.test('no error is sent with an empty place', async (t) => {
  for (const code of codes) t.notMatch(errorText({ code, detail: 'x' }), /[{}]/, code)
})

t.test('every error says what it means, in its own words', async (t) => {
  const all = Object.values(ERRORS)
  for (const { meaning } of all) t.match(meaning, /^[A-Z].*\.$/)
  t.equal(new Set(all.map(({ text }) => text)).size, all.length)
})

t.test('trying again helps only when the server could not do it, or not yet', async (t) => {
  const retry = Object.entries(ERRORS).filter((entry) => entry[1].retry)
  t.same(
    retry.map(([code]) => code),
    ['TOO_MANY_ATTEMPTS', 'TOO_MANY_CLAIMS', 'BUSY', 'INBOX_FULL', 'UNAVAILABLE'],
  )
})

t.test('1.5 there are these close codes', async (t) => {
  t.same(
    closes.map(({ code }) => code),
    [1000, 1007, 1009, 1012, 1013, 4001, 4003, 4004, 4005, 4006],
  )
})

t.test('1.5 after 1012, 1013 and 4006 a client comes back by itself, and after no other', async (t) => {
  const comeBack = closes.filter((close) => close.comeBack)
  t.same(
    comeBack.map(({ code }) => code),
    [1012, 1013, 4006],
  )
})

t.test('a close reason fits into a control frame (RFC 6455, 5.5)', async (t) => {
  for (const { code, reason } of closes) {
    const bytes = Buffer.byteLength(reason)
    t.ok(bytes > 0 && bytes <= 123, `${code}: ${bytes} bytes`)
  }
})
