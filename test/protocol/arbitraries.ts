import fc from 'fast-check'

const pick = (characters: string) => fc.constantFrom(...characters)

// Combining marks, spaces, and letters whose case or composition is not simple.
const TROUBLE =
  '\u0301\u0307\u0323\u0327\u0345\u200d\ufe0f\u202e\u00a0 \tßẞİıſΣςΐﬁǅǆÅÅ가\u1100\u1161Ａａ"\\/\u2028'

/** Any text that is well formed: plain, of any script, and of characters that make trouble. */
export function someText(maxLength = 80): fc.Arbitrary<string> {
  const unit = fc.oneof(
    pick('abcxyzABCXYZ 019_-'),
    pick(TROUBLE),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  )
  return fc.oneof(fc.string({ unit, maxLength: 8 }), fc.string({ unit, maxLength }))
}

/** Any text at all, also with half characters. */
export function anyText(maxLength = 80): fc.Arbitrary<string> {
  const half = fc.integer({ min: 0xd800, max: 0xdfff }).map((code) => String.fromCharCode(code))
  const unit = fc.oneof({ weight: 5, arbitrary: someText(3) }, { weight: 1, arbitrary: half })
  return fc.array(unit, { maxLength }).map((parts) => parts.join(''))
}

/** What a client may send: frames that are right, nearly right and far off, and bytes that are nothing at all. */
export function clientPayload(): fc.Arbitrary<Uint8Array> {
  const types = [
    'register',
    'broadcast',
    'private',
    'list_users',
    'user_info',
    'change_status',
    'disconnect',
    'history',
  ]
  const text = anyText(4)
  const oneOr = (likely: fc.Arbitrary<unknown>) =>
    fc.oneof({ weight: 8, arbitrary: likely }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 1 }) })
  const frame = fc.record(
    {
      type: oneOr(fc.constantFrom(...types)),
      sender: oneOr(text),
      target: oneOr(text),
      content: oneOr(text),
      timestamp: fc.jsonValue({ maxDepth: 0 }),
      ref: oneOr(text),
    },
    { requiredKeys: ['type'] },
  )
  const json = fc.oneof(
    { weight: 4, arbitrary: frame.map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: fc.json({ maxDepth: 2 }) },
  )
  const bytes = fc.uint8Array({ maxLength: 12 })
  const whole = json.map((value) => new TextEncoder().encode(value))
  const cut = fc.tuple(whole, fc.nat(100)).map(([value, length]) => value.subarray(0, length))
  const followed = fc.tuple(whole, bytes).map(([value, tail]) => Uint8Array.from([...value, ...tail]))
  return fc.oneof({ weight: 3, arbitrary: whole }, cut, followed, bytes)
}
