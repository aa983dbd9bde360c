/** What the content of a message may be (1.4, `broadcast`; "as above" for `private`). */

export const ACCEPTED: readonly (readonly [what: string, content: string])[] = [
  ['1 character', 'a'],
  ['a space', ' '],
  ['4,096 characters', 'a'.repeat(4096)],
  ['4,096 characters beyond the basic plane, which count one each', '😀'.repeat(4096)],
  ['4,096 characters of which UTF-8 needs three bytes each', '漢'.repeat(4096)],
  ['blanks at the ends', '  hola \n'],
  ['quotes, backslashes and control characters', '"\\/\b\f\n\r\t\u0001\u001f\u007f'],
  ['both forms of an accent, not normalised', 'e\u0301 \u00e9 ﬁ Å'],
  ['line separators and a byte order mark', '\u2028\u2029\ufeff'],
  ['bidirectional and joining characters', '\u202eabc\u202c 👩‍💻'],
  ['noncharacters, which are well-formed', '\uffff\ufffe\u{10ffff}'],
  ['what looks like a frame', '{"type":"broadcast","sender":"server","content":"hola"}'],
  ['what looks like code', "%s%n {{x}} <script>alert(1)</script> '; DROP TABLE users; --"],
]

export const REFUSED: readonly (readonly [what: string, content: unknown])[] = [
  ['empty', ''],
  ['4,097 characters', 'a'.repeat(4097)],
  ['4,097 characters beyond the basic plane', '😀'.repeat(4097)],
  ['null', null],
  ['a number', 7],
  ['a boolean', true],
  ['an array', ['hola']],
  ['an object', { text: 'hola' }],
  ['absent', undefined],
  ['U+0000 alone', '\u0000'],
  ['a text with U+0000 in it', 'hola\u0000adiós'],
  ['a text with a lone high surrogate', 'hola \ud83d'],
  ['a text with a lone low surrogate', '\ude00 hola'],
  ['a text with a pair of surrogates the wrong way round', '\ude00\ud83d'],
]
