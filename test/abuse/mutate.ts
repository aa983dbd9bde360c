/** Frames that are nearly right: mutations of valid ones. */
import type { Dice } from '../support/dice.js'

type Fields = Readonly<Record<string, unknown>>
/** Turns the fields of a frame into a text. */
type Change = (fields: Fields, dice: Dice) => string

const ODD_TEXTS = [
  '\ud800',
  '\udc00x',
  '\u0000',
  '\u001f\u007f\u0085',
  '\ufeff',
  '\u202e\u2066',
  '\u200b\u200d\u2060',
  '\u2028\u2029',
  '\uffff\ufdd0',
  'e\u0301'.repeat(40),
  `a${'\u0300'.repeat(400)}`,
  '👩‍👩‍👧‍👦'.repeat(20),
  'ﷺ'.repeat(64),
  'İıßẞ',
  '',
  ' ',
  '\n',
  '\t',
  '\r\n',
  '__proto__',
  'constructor',
  'server',
  'ＳＥＲＶＥＲ',
  '{"type":"broadcast"}',
  'x'.repeat(4097),
]

/** JSON texts that stand where something else should. */
const ODD_VALUES = [
  ...[
    'null',
    'true',
    'false',
    '0',
    '-0',
    '1e400',
    '-1e-400',
    '1e999999999',
    '[]',
    '{}',
    '""',
    '[[]]',
    '{"":{}}',
  ],
  ...['NaN', 'undefined', 'Infinity', "'x'", '01', '1.', '.5', '+1', '0x10', '"\\x41"', '"\\u12"', '"\n"'],
  ...['{"__proto__":{"x":1}}', '{"toString":null}', '{"password":1}', '{"token":[]}', '{"history":1}'],
  '9'.repeat(400),
  `-${'1'.repeat(30)}.${'1'.repeat(30)}e${'1'.repeat(5)}`,
]

const TYPES = [
  ...['register', 'broadcast', 'private', 'list_users', 'user_info', 'change_status', 'disconnect'],
  ...['register_success', 'error', 'REGISTER', 'broadcast ', 'toString', '__proto__', 'ack', 'history', ''],
]

const pieces = (fields: Fields) =>
  Object.entries(fields).map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
const object = (members: readonly string[]) => `{${members.join(',')}}`

/** One field gets another value, given as JSON. */
function withValue(fields: Fields, dice: Dice, value: string): string {
  const members = pieces(fields)
  const key = dice.pick(Object.keys(fields))
  members[Object.keys(fields).indexOf(key)] = `${JSON.stringify(key)}:${value}`
  return object(members)
}

function withText(fields: Fields, dice: Dice, change: (text: string) => string): string {
  const key = dice.pick(Object.keys(fields).filter((key) => key !== 'type'))
  return JSON.stringify({ ...fields, [key]: change(String(fields[key])) })
}

const CHANGES: readonly Change[] = [
  // Another type of value, huge numbers among them.
  (fields, dice) => withValue(fields, dice, dice.pick(ODD_VALUES)),
  (fields, dice) => withValue(fields, dice, String(dice.below(2 ** 31)) + '0'.repeat(dice.below(400))),
  // Deep nesting.
  (fields, dice) => {
    const depth = 1 + dice.below(300)
    const [open, close] = dice.pick([
      ['[', ']'],
      ['{"a":', '}'],
    ] as const)
    return withValue(fields, dice, open.repeat(depth) + dice.pick(['1', '', '"x"']) + close.repeat(depth))
  },
  // A key twice, once more, or not at all.
  (fields, dice) => {
    const members = pieces(fields)
    const twice = `${JSON.stringify(dice.pick(Object.keys(fields)))}:${dice.pick([...ODD_VALUES, '"x"'])}`
    members.splice(dice.below(members.length + 1), 0, twice)
    return object(members)
  },
  (fields, dice) => {
    const members = pieces(fields)
    members.splice(dice.below(members.length), 1)
    return object(members)
  },
  (fields, dice) => {
    const keys = ['__proto__', 'constructor', 'ref', 'position', 'userList', 'timestamp', '', '\\u0000']
    return object([...pieces(fields), `"${dice.pick(keys)}":${dice.pick(ODD_VALUES)}`])
  },
  // Unicode oddities.
  (fields, dice) => withText(fields, dice, () => dice.pick(ODD_TEXTS)),
  (fields, dice) => {
    const odd = dice.pick(ODD_TEXTS)
    return withText(fields, dice, (text) => {
      const at = dice.below(text.length + 1)
      return text.slice(0, at) + odd + text.slice(at)
    })
  },
  (fields, dice) => withText(fields, dice, (text) => text.repeat(1 + dice.below(300))),
  (fields, dice) => JSON.stringify({ ...fields, type: dice.pick(TYPES) }),
  // Spellings.
  (fields, dice) => dice.pick([' ', '\n', '\ufeff', '\t\r', '//', '[', ',']) + JSON.stringify(fields),
  (fields, dice) =>
    JSON.stringify(fields) + dice.pick([' ', '\u0000', '\u0000{', ',', '}', '\u001a', ';', '{}']),
  (fields) =>
    JSON.stringify(fields).replaceAll(/[a-z]/g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`),
]

/** A frame that is nearly right, as bytes. */
export function mutated(fields: Fields, dice: Dice): Buffer {
  if (dice.happens(0.6)) return Buffer.from(dice.pick(CHANGES)(fields, dice))
  return damaged(Buffer.from(JSON.stringify(fields)), dice)
}

/** Bytes with one to three things wrong with them. */
export function damaged(bytes: Buffer, dice: Dice): Buffer {
  let result = bytes
  for (let times = 1 + dice.below(3); times > 0; times -= 1) result = damagedOnce(result, dice)
  return result
}

function damagedOnce(bytes: Buffer, dice: Dice): Buffer {
  const at = dice.below(bytes.length + 1)
  const to = Math.min(at + dice.below(12), bytes.length)
  const parts = { before: bytes.subarray(0, at), span: bytes.subarray(at, to), after: bytes.subarray(to) }
  switch (dice.below(5)) {
    case 0: {
      // Bits of ASCII for the most part: what is no UTF-8 any more ends the connection.
      const flipped = Buffer.from(bytes)
      const place = dice.below(Math.max(bytes.length, 1))
      if (bytes.length > 0)
        flipped[place] = (flipped[place] ?? 0) ^ (1 << (dice.happens(0.05) ? 7 : dice.below(7)))
      return flipped
    }
    case 1:
      return parts.before
    case 2:
      return Buffer.concat([parts.before, parts.after])
    case 3:
      return Buffer.concat([parts.before, parts.span, parts.span, parts.after])
    default: {
      const most = dice.happens(0.05) ? 256 : 128
      const noise = Array.from({ length: 1 + dice.below(6) }, () => dice.below(most))
      return Buffer.concat([parts.before, Buffer.from(noise), parts.after])
    }
  }
}
