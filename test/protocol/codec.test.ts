import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Compile } from 'typebox/compile'
import {
  checkMessage,
  createDecoder,
  encode,
  framed,
  type ListFrame,
  MAX_HEADER_BYTES,
  timestamp,
  writeFrame,
} from '../../src/protocol/codec.js'
import { CLOSES } from '../../src/protocol/codes.js'
import { SERVER_FRAMES, STATUSES } from '../../src/protocol/frames.js'
import { anyText, clientPayload } from './arbitraries.js'
import { receive } from './ws-receiver.js'

const decode = createDecoder(10)
const read = (text: string) => decode(Buffer.from(text))
const readFrame = (frame: object) => read(JSON.stringify(frame))
const refused = (code: string, detail?: string) => {
  return { kind: 'refused', refusal: detail === undefined ? { code } : { code, detail }, ref: undefined }
}
const badField = (detail: string) => refused('INVALID_FIELD', detail)

t.test('1.2 what is no JSON is refused, with the place where it is known', async (t) => {
  t.same(read('{"a" 1}'), refused('INVALID_JSON', ' (posición 5)'))
  t.same(read('{"type":"list_users","sender":"a"} x'), refused('INVALID_JSON', ' (posición 35)'))
  t.same(read(''), refused('INVALID_JSON', ' (posición 0)'))
  t.same(read('{"type":"bro'), refused('INVALID_JSON', ' (posición 12)'), 'cut off')
  t.same(read('\ufeff{}'), refused('INVALID_JSON', ' (posición 0)'), 'a byte order mark is none of it')
  t.same(read('{type: "list_users"}'), refused('INVALID_JSON', ' (posición 1)'))
  t.same(read('{"sender":tru, "type":1}'), refused('INVALID_JSON', ' (posición 13)'))
  t.same(read('nul'), refused('INVALID_JSON', ' (posición 3)'))
})

t.test('1.2 the place is looked for in what is short, whatever the engine tells', async (t) => {
  const long = `{"content":"${'a'.repeat(5000)}","sender":x}`
  t.same(read(long), refused('INVALID_JSON', ''))
  t.same(read(long.replaceAll('aa', '')), refused('INVALID_JSON', ' (posición 23)'))
})

t.test('1.2 the place of an error is not taken from what the client wrote', async (t) => {
  t.same(read('x at position 7'), refused('INVALID_JSON', ' (posición 0)'))
  t.same(read('x end of JSON'), refused('INVALID_JSON', ' (posición 0)'))
  t.same(read('[x, " in JSON at position 7'), refused('INVALID_JSON', ' (posición 1)'))
})

t.test('1.2 what is no object is refused', async (t) => {
  for (const text of ['null', '[]', '[{"type":"list_users"}]', '"list_users"', '1', 'true'])
    t.same(read(text), refused('NOT_AN_OBJECT'), text)
})

t.test('1.2 a frame has a type, a string that is known', async (t) => {
  for (const type of [undefined, null, 1, ['list_users'], {}])
    t.same(readFrame({ type, sender: 'Ana' }), badField('"type" debe ser un texto'))
  const types = 'register, broadcast, private, list_users, user_info, change_status, disconnect'
  for (const type of ['', 'shout', 'BROADCAST', 'toString', 'constructor', '__proto__'])
    t.same(readFrame({ type, sender: 'Ana' }), refused('UNKNOWN_TYPE', types), type)
  t.same(read('{"__proto__":{"type":"list_users","sender":"Ana"}}'), badField('"type" debe ser un texto'))
})

t.test('1.2 every frame has a sender, a string', async (t) => {
  const types = ['register', 'broadcast', 'private', 'list_users', 'user_info', 'change_status', 'disconnect']
  for (const type of types)
    for (const sender of [undefined, null, 1, {}]) {
      const frame = { type, sender, content: 'ACTIVO' }
      t.same(readFrame(frame), badField('"sender" debe ser un texto'), type)
    }
  t.match(readFrame({ type: 'list_users', sender: '' }), { kind: 'frame' }, 'also an empty one')
})

t.test('1.2 unknown fields and the timestamp of a client are accepted in any form', async (t) => {
  for (const timestamp of [undefined, null, 0, 'ayer', {}]) {
    const frame = { type: 'broadcast', sender: 'Ana', content: 'hola', target: [1], color: null, timestamp }
    t.match(readFrame(frame), { kind: 'frame', frame: { content: 'hola' } })
  }
})

t.test('part 2: what stands as ref comes along, whatever it is, also with what is refused', async (t) => {
  const frame = { type: 'broadcast', sender: 'Ana', content: 'hola' }
  for (const ref of ['r1', '', null, 7, ['r1'], { r: 1 }]) {
    t.strictSame(readFrame({ ...frame, ref }), { kind: 'frame', frame: { ...frame, ref }, ref })
    for (const wrong of [
      { ...frame, content: 1 },
      { ...frame, type: 'shout' },
      { ...frame, type: 1 },
    ])
      t.match(readFrame({ ...wrong, ref }), { kind: 'refused', ref })
  }
  for (const text of ['[{"ref":"r1"}]', '"ref"', '{"ref":"r1"'])
    t.match(read(text), { kind: 'refused', ref: undefined }, text)
})

t.test(
  'part 2, 6: a history frame is read, whatever is in it: who is not extended knows of none',
  async (t) => {
    for (const sender of [undefined, 'Ana', 1])
      for (const content of [undefined, null, { before: 1 }, 'x'])
        t.match(readFrame({ type: 'history', sender, content }), {
          kind: 'frame',
          frame: { type: 'history' },
        })
  },
)

t.test('1.4 the content of a register is null, absent, a string or an object', async (t) => {
  const frame = { type: 'register', sender: 'Ana' }
  t.same(readFrame(frame), { kind: 'frame', frame, ref: undefined })
  for (const content of [null, '', 'hola', {}, { password: 'x' }])
    t.same(readFrame({ ...frame, content }), { kind: 'frame', frame: { ...frame, content }, ref: undefined })
  for (const content of [1, true, []])
    t.same(readFrame({ ...frame, content }), badField('"content" debe ser null, un texto o un objeto'))
})

t.test('1.4 a message is a string of 1 code point up to the limit', async (t) => {
  for (const type of ['broadcast', 'private']) {
    const frame = { type, sender: 'Ana', target: 'Beto' }
    for (const content of ['a', 'a'.repeat(10), '🦊'.repeat(10), 'e\u0301'.repeat(5), '\ud800'.repeat(10)])
      t.same(readFrame({ ...frame, content }), {
        kind: 'frame',
        frame: { ...frame, content },
        ref: undefined,
      })
    for (const content of [
      '',
      'a'.repeat(11),
      '🦊'.repeat(11),
      'e\u0301'.repeat(6),
      undefined,
      null,
      1,
      {},
    ]) {
      const problem = '"content" debe ser un texto de 1 a 10 caracteres'
      t.same(readFrame({ ...frame, content }), badField(problem), JSON.stringify(content))
    }
  }
})

t.test('1.4 a target is a string, null or absent', async (t) => {
  for (const type of ['private', 'user_info']) {
    const frame = { type, sender: 'Ana', content: 'hola' }
    t.match(readFrame(frame), { kind: 'frame' })
    for (const target of ['Beto', '', null]) t.match(readFrame({ ...frame, target }), { kind: 'frame' })
    for (const target of [1, {}, ['Beto']])
      t.same(readFrame({ ...frame, target }), badField('"target" debe ser un texto'))
  }
})

t.test('1.4 the content of a change_status is a string', async (t) => {
  const frame = { type: 'change_status', sender: 'Ana' }
  for (const content of ['ocupado', 'x']) t.match(readFrame({ ...frame, content }), { kind: 'frame' })
  for (const content of [undefined, null, 1])
    t.same(readFrame({ ...frame, content }), badField('"content" debe ser ACTIVO, OCUPADO o INACTIVO'))
})

t.test('1.4 the content of frames that need none is ignored', async (t) => {
  for (const type of ['list_users', 'user_info', 'disconnect'])
    for (const content of [undefined, null, 1, 'adiós', {}, []])
      t.match(readFrame({ type, sender: 'Ana', content }), { kind: 'frame' })
})

t.test('1.2 of several wrong fields the first is named', async (t) => {
  const frame = { type: 'private', target: 1, content: '' }
  t.same(readFrame(frame), badField('"sender" debe ser un texto'))
  t.same(readFrame({ ...frame, sender: 'Ana' }), badField('"target" debe ser un texto'))
})

t.test('1.1 a payload counts up to its first NUL byte', async (t) => {
  const frame = { type: 'broadcast', sender: 'Ana', content: 'hola' }
  const tails = [[0], [0, 0, 0], [0, 0x7b, 0x22], [0, 0xff, 0xfe, 0xc3]]
  for (const tail of tails) {
    const payload = Buffer.concat([Buffer.from(JSON.stringify(frame)), Buffer.from(tail)])
    t.same(decode(payload), { kind: 'frame', frame, ref: undefined }, JSON.stringify(tail))
  }
  t.same(read('\0{}'), read(''), 'what is not there is no JSON')
})

t.test('1.1 invalid UTF-8 before the first NUL byte closes 1007', async (t) => {
  const invalid = [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xc3, 0]]
  for (const bytes of invalid) {
    const payload = Buffer.concat([Buffer.from('{"type":"'), Buffer.from(bytes)])
    t.same(decode(payload), { kind: 'close', close: CLOSES.INVALID_UTF8 }, JSON.stringify(bytes))
  }
  t.equal(CLOSES.INVALID_UTF8.code, 1007)
})

t.test('1.1, 1.2 any payload is a frame, or one refusal, or the end of the connection', async () => {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const counts = { frame: 0, refused: 0, close: 0 }
  const property = fc.property(clientPayload(), (payload) => {
    const decoded = decode(Buffer.from(payload))
    counts[decoded.kind] += 1
    const counted = payload.subarray(0, payload.includes(0) ? payload.indexOf(0) : payload.length)
    if (decoded.kind === 'close') {
      assert.deepEqual(decoded, { kind: 'close', close: CLOSES.INVALID_UTF8 })
      assert.throws(() => strict.decode(counted))
    } else if (decoded.kind === 'frame') {
      const frame = JSON.parse(strict.decode(counted))
      assert.deepEqual(decoded, { kind: 'frame', frame, ref: frame.ref })
      if (frame.type !== 'history') assert.equal(typeof decoded.frame.sender, 'string')
    } else {
      assert.deepEqual(Object.keys(decoded), ['kind', 'refusal', 'ref'])
      strict.decode(counted)
    }
  })
  fc.assert(property, { numRuns: 3000 })
  for (const [kind, count] of Object.entries(counts)) assert.ok(count > 50, `${kind} came ${count} times`)
})

t.test('1.1 what lies behind the first NUL byte changes nothing', async () => {
  const property = fc.property(clientPayload(), fc.uint8Array({ maxLength: 20 }), (payload, rest) => {
    assert.deepEqual(decode(Buffer.from([...payload, 0, ...rest])), decode(Buffer.from([...payload, 0])))
    if (!payload.includes(0))
      assert.deepEqual(decode(Buffer.from([...payload, 0, ...rest])), decode(Buffer.from(payload)))
  })
  fc.assert(property, { numRuns: 500 })
})

t.test('1.4 a message is well-formed Unicode without U+0000', async (t) => {
  t.equal(checkMessage('¿Qué tal? 🦊\n\u2028'), undefined)
  const nul = { code: 'INVALID_FIELD', detail: '"content" no puede contener el carácter nulo' }
  for (const content of ['\0', 'a\0', 'a\0b']) t.same(checkMessage(content), nul)
  const half = { code: 'INVALID_FIELD', detail: '"content" contiene un carácter incompleto' }
  for (const content of ['\ud83e', 'a\udd8a', '\udd8a\ud83e']) t.same(checkMessage(content), half)
})

/** Names as they stand in a frame. */
const listOf = (names: readonly string[]) => Buffer.from(JSON.stringify(names).slice(1, -1))

/** The text of a frame, however it is kept. */
const textOf = (frame: string | ListFrame) =>
  typeof frame === 'string' ? frame : Buffer.concat(frame.map((part) => Buffer.from(part))).toString()

const AT = Date.UTC(2025, 0, 2, 3, 4, 5, 60)
const TIME = '"timestamp":"2025-01-02T03:04:05.060Z"'

t.test('1.2 a time is ISO 8601, UTC, with milliseconds', async (t) => {
  t.equal(timestamp(AT), '2025-01-02T03:04:05.060Z')
  t.equal(timestamp(0), '1970-01-01T00:00:00.000Z')
})

t.test('1.4 every server frame has exactly these fields in this order', async (t) => {
  const frames = {
    register_success: textOf(encode.registerSuccess(listOf(['Ana', 'Beto']), AT)),
    broadcast: encode.broadcast('Ana', 'hola', AT),
    private: encode.private('Ana', 'Beto', 'hola', AT),
    list_users_response: textOf(encode.userList(listOf(['Ana', 'Beto']), AT)),
    user_info_response: encode.userInfo('Beto', '192.0.2.1', 'ACTIVO', AT),
    status_update: encode.statusUpdate('Ana', 'OCUPADO', AT),
    user_disconnected: encode.userDisconnected('Ana', AT),
    error: encode.error({ code: 'NAME_RESERVED', detail: 'Server' }, AT),
  }
  const texts = {
    register_success: `{"type":"register_success","sender":"server","content":"Registro exitoso","userList":["Ana","Beto"],${TIME}}`,
    broadcast: `{"type":"broadcast","sender":"Ana","content":"hola",${TIME}}`,
    private: `{"type":"private","sender":"Ana","target":"Beto","content":"hola",${TIME}}`,
    list_users_response: `{"type":"list_users_response","sender":"server","content":["Ana","Beto"],${TIME}}`,
    user_info_response: `{"type":"user_info_response","sender":"server","target":"Beto","content":{"ip":"192.0.2.1","status":"ACTIVO"},${TIME}}`,
    status_update: `{"type":"status_update","sender":"server","content":{"user":"Ana","status":"OCUPADO"},${TIME}}`,
    user_disconnected: `{"type":"user_disconnected","sender":"server","content":"Ana ha salido",${TIME}}`,
    error: `{"type":"error","sender":"server","content":"El nombre \\"Server\\" está reservado",${TIME}}`,
  }
  t.same(Object.keys(frames), Object.keys(SERVER_FRAMES), 'all of them')
  t.same(frames, texts)
})

t.test('1.4 every server frame fits its schema, whatever is in it', async () => {
  const frame = fc.record({
    name: anyText(20),
    target: anyText(20),
    content: anyText(),
    status: fc.constantFrom(...STATUSES),
    at: fc.integer({ min: 0, max: 253_402_300_799_999 }),
  })
  const readers = Object.entries(SERVER_FRAMES).map(([type, schema]) => [type, Compile(schema)] as const)
  const property = fc.property(frame, ({ name, target, content, status, at }) => {
    const names = listOf([name, target])
    const texts: Record<string, string> = {
      register_success: textOf(encode.registerSuccess(names, at)),
      broadcast: encode.broadcast(name, content, at),
      private: encode.private(name, target, content, at),
      list_users_response: textOf(encode.userList(names, at)),
      user_info_response: encode.userInfo(target, content, status, at),
      status_update: encode.statusUpdate(name, status, at),
      user_disconnected: encode.userDisconnected(name, at),
      error: encode.error({ code: 'NAME_INVALID', detail: content }, at),
    }
    for (const [type, reader] of readers) {
      const text = texts[type] ?? ''
      const parsed: unknown = JSON.parse(text)
      assert.ok(reader.Check(parsed), text)
      assert.deepEqual(Object.keys(parsed), Object.keys(reader.Type().properties), 'in this order')
      assert.equal(text, JSON.stringify(parsed), 'and nothing between')
      assert.equal(Date.parse(parsed.timestamp), at)
      assert.ok(text.isWellFormed(), 'half characters are escaped')
    }
  })
  fc.assert(property, { numRuns: 300 })
})

/** Letters, so that it is text, and so that no two parts are the same. */
const payloadOf = (length: number) => Buffer.from(Array.from({ length }, (_, at) => 97 + ((at * 7) % 26)))
const edges = fc.constantFrom(0, 1, 124, 125, 126, 127, 65_534, 65_535, 65_536, 65_537)
const lengths = fc.array(fc.oneof(edges, fc.nat(300)), { minLength: 1, maxLength: 5 })

t.test('a client reads the frames that were written, one behind the other (RFC 6455, 5.2)', async () => {
  const property = fc.asyncProperty(
    lengths,
    fc.integer({ min: 1, max: 70_000 }),
    async (sizes, chunkBytes) => {
      const payloads = sizes.map(payloadOf)
      const room = sizes.reduce((sum, size) => sum + size + MAX_HEADER_BYTES, 0)
      const buffer = Buffer.alloc(room)
      const end = payloads.reduce((at, payload) => writeFrame(buffer, at, payload), 0)
      const messages = await receive(buffer.subarray(0, end), Math.max(chunkBytes, end >> 10))
      assert.deepEqual(
        messages,
        payloads.map((payload) => ({ payload, isBinary: false })),
      )
    },
  )
  await fc.assert(property, { numRuns: 60 })
})

t.test('a frame takes the shortest header that holds its length (RFC 6455, 5.2)', async (t) => {
  const headers = [
    [0, 2],
    [125, 2],
    [126, 4],
    [65_535, 4],
    [65_536, 10],
  ] as const
  for (const [length, header] of headers) {
    const bytes = framed(payloadOf(length))
    t.equal(bytes.length, header + length, `${length}`)
    t.equal(bytes[0], 0x81, 'one whole text frame')
    t.ok((bytes[1] ?? 0x80) < 0x80, 'not masked')
  }
})

t.test('a frame is written where it is told to be, and touches nothing else', async (t) => {
  for (const length of [0, 125, 126, 65_536]) {
    const buffer = Buffer.alloc(7 + MAX_HEADER_BYTES + length + 5, 0xaa)
    const end = writeFrame(buffer, 7, payloadOf(length))
    t.ok(buffer.subarray(0, 7).every((byte) => byte === 0xaa))
    t.ok(buffer.subarray(end).every((byte) => byte === 0xaa))
    t.ok(buffer.subarray(7, end).equals(framed(payloadOf(length))))
  }
})

t.test('a text is framed as its UTF-8 bytes', async (t) => {
  const messages = await receive(framed('¿Qué tal? 🦊'))
  t.same(
    messages.map(({ payload }) => payload.toString()),
    ['¿Qué tal? 🦊'],
  )
})

t.test('a frame with a list is the same however long the list is; a long one is not copied', async (t) => {
  for (const count of [0, 1, 50, 1000, 20_000]) {
    const names = Array.from({ length: count }, (_, index) => `Nombre ${index} ñ`)
    const list = listOf(names)
    const frame = encode.userList(list, AT)
    const frames = framed(frame)
    const parts = Buffer.isBuffer(frames) ? [frames] : frames
    const whole = Buffer.concat(parts)
    t.ok(whole.equals(framed(textOf(frame))), `${count} names`)
    t.equal(parts.length, list.length < 4096 ? 1 : 4)
    if (parts.length > 1) t.equal(parts[2]?.buffer, list.buffer)
    const [message] = await receive(whole)
    t.strictSame(JSON.parse(String(message?.payload)).content, names)
  }
})
