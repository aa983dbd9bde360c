import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { TObject } from 'typebox'
import { Compile } from 'typebox/compile'
import { encode, type ListFrame } from '../../src/protocol/codec.js'
import { ERRORS, type ErrorCode } from '../../src/protocol/codes.js'
import { EXTENDED_SERVER_FRAMES } from '../../src/protocol/extended-frames.js'
import {
  encodeExtended,
  isRef,
  readHistoryQuery,
  withPosition,
  withSeq,
} from '../../src/protocol/extensions.js'
import { SERVER_FRAMES, STATUSES } from '../../src/protocol/frames.js'
import { anyText } from './arbitraries.js'

const AT = Date.UTC(2025, 0, 2, 3, 4, 5, 60)
const TIME = '"timestamp":"2025-01-02T03:04:05.060Z"'
const POSITION = { epoch: '0a1f', offset: 12 }

/** Elements as they stand in an array of a frame. */
const listOf = (elements: readonly unknown[]) => Buffer.from(JSON.stringify(elements).slice(1, -1))
const textOf = (frame: string | ListFrame | Uint8Array) =>
  typeof frame === 'string'
    ? frame
    : Buffer.concat(frame instanceof Uint8Array ? [frame] : frame.map((part) => Buffer.from(part))).toString()

const welcome = {
  names: listOf(['Ana', 'Beto']),
  users: listOf([{ name: 'Ana', status: 'ACTIVO' }]),
  position: POSITION,
  seq: 0,
  ref: undefined,
  secret: 'abc_-9',
  history: undefined,
  resumed: false,
}

t.test(
  'part 2, 1: register_success has its extension fields behind the timestamp, in this order',
  async (t) => {
    const start = `{"type":"register_success","sender":"server","content":"Registro exitoso","userList":["Ana","Beto"],${TIME},"position":"0a1f-12",`
    const users = '"session":"abc_-9","users":[{"name":"Ana","status":"ACTIVO"}]'
    const success = (more: Partial<typeof welcome> | object) =>
      textOf(encodeExtended.registerSuccess({ ...welcome, ...more }, AT))
    t.equal(success({}), `${start}"seq":0,${users},"resumed":false}`)
    t.equal(
      success({ seq: 7, ref: 'r"1', history: [], resumed: true }),
      `${start}"seq":7,"ref":"r\\"1",${users},"history":[],"resumed":true}`,
    )
    const history = ['1', '2'].map((text) => Buffer.from(`{"content":"${text}"}`))
    t.equal(
      success({ history }),
      `${start}"seq":0,${users},"history":[{"content":"1"},{"content":"2"}],"resumed":false}`,
    )
  },
)

t.test('part 2, 2: what comes from the log has a position, and a private message a seq', async (t) => {
  const broadcast = encode.broadcast('Ana', 'ñ', AT)
  const end = `${TIME},"position":"0a1f-12"}`
  t.equal(
    textOf(withPosition(Buffer.from(broadcast), POSITION)),
    `{"type":"broadcast","sender":"Ana","content":"ñ",${end}`,
  )
  const message = encode.private('Ana', 'Beto', 'ñ', AT)
  t.equal(textOf(withSeq(Buffer.from(message), 7)), `${message.slice(0, -1)},"seq":7}`)
})

t.test('part 2, 2 to 6: the frames that only extended sessions get', async (t) => {
  t.equal(
    encodeExtended.userConnected('Ana', 'OCUPADO', AT),
    `{"type":"user_connected","sender":"server","content":{"user":"Ana","status":"OCUPADO"},${TIME}}`,
  )
  const ack = '{"type":"ack","sender":"server","content":'
  t.equal(encodeExtended.ack(null, POSITION, 'r1', AT), `${ack}null,${TIME},"position":"0a1f-12","ref":"r1"}`)
  t.equal(encodeExtended.ack(null, undefined, 'r1', AT), `${ack}null,${TIME},"ref":"r1"}`)
  for (const delivered of [true, false])
    t.equal(
      encodeExtended.ack({ delivered }, POSITION, '"', AT),
      `${ack}{"delivered":${delivered}},${TIME},"position":"0a1f-12","ref":"\\""}`,
    )
  const history = '{"type":"history_response","sender":"server","content":{"messages":['
  t.equal(
    textOf(encodeExtended.historyResponse([], false, undefined, AT)),
    `${history}],"more":false},${TIME}}`,
  )
  const messages = [Buffer.from('{"a":1}'), Buffer.from('{"b":2}')]
  t.equal(
    textOf(encodeExtended.historyResponse(messages, true, 'r1', AT)),
    `${history}{"a":1},{"b":2}],"more":true},${TIME},"ref":"r1"}`,
  )
})

t.test(
  'part 2, 5: an error has its code, and says only where it can that trying again can help',
  async (t) => {
    const start = `{"type":"error","sender":"server","content":`
    t.equal(
      encodeExtended.error({ code: 'NAME_TAKEN' }, undefined, AT),
      `${start}"El usuario ya existe",${TIME},"code":"NAME_TAKEN"}`,
    )
    t.equal(
      encodeExtended.error({ code: 'INBOX_FULL', detail: 'Ana' }, 'r1', AT),
      `${start}"El buzón de \\"Ana\\" está lleno",${TIME},"ref":"r1","code":"INBOX_FULL","retry":true}`,
    )
  },
)

t.test('part 2, 4: lists and information about a user carry the ref of who asked', async (t) => {
  t.match(textOf(encode.userList(listOf(['Ana']), AT, 'r"1')), `${TIME},"ref":"r\\"1"}`)
  t.match(encode.userInfo('Ana', '192.0.2.1', 'ACTIVO', AT, 'r1'), `${TIME},"ref":"r1"}`)
})

const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(ERRORS, text)

/** What may be in frames, and all of them made of it, by type. */
const frames = fc
  .record({
    name: anyText(20),
    target: anyText(20),
    content: anyText(),
    status: fc.constantFrom(...STATUSES),
    at: fc.integer({ min: 0, max: 253_402_300_799_999 }),
    position: fc.record({ epoch: fc.stringMatching(/^[0-9a-z]{1,20}$/), offset: fc.nat() }),
    // Of private messages: there is none before the first.
    seq: fc.integer({ min: 1 }),
    ref: fc.option(anyText(20), { nil: undefined }),
    code: fc.constantFrom(...Object.keys(ERRORS).filter(isErrorCode)),
    placed: fc.boolean(),
    delivered: fc.constantFrom(undefined, true, false),
    history: fc.option(fc.nat(3), { nil: undefined }),
    resumed: fc.boolean(),
  })
  .map(({ name, target, content, status, at, position, seq, ref, ...rest }): Record<string, string> => {
    const logged = (frame: string) => textOf(withPosition(Buffer.from(frame), position))
    const said = Array.from({ length: rest.history ?? 0 }, () =>
      Buffer.from(logged(encode.broadcast(name, content, at))),
    )
    const users = listOf([{ name, status }])
    const history = rest.history === undefined ? undefined : said
    const names = listOf([name, target])
    const entering = { names, users, position, seq, ref, secret: 'x', history, resumed: rest.resumed }
    const delivered = rest.delivered === undefined ? null : { delivered: rest.delivered }
    const change = encode.statusUpdate(name, status, at)
    return {
      register_success: textOf(encodeExtended.registerSuccess(entering, at)),
      broadcast: logged(encode.broadcast(name, content, at)),
      private: textOf(withSeq(Buffer.from(encode.private(name, target, content, at)), seq)),
      list_users_response: textOf(encode.userList(names, at, ref)),
      user_info_response: encode.userInfo(target, content, status, at, ref),
      status_update: rest.placed ? logged(change) : change,
      user_connected: logged(encodeExtended.userConnected(name, status, at)),
      user_disconnected: logged(encode.userDisconnected(name, at)),
      ack: encodeExtended.ack(delivered, rest.placed ? position : undefined, ref ?? 'r', at),
      history_response: textOf(encodeExtended.historyResponse(said, rest.placed, ref, at)),
      error: encodeExtended.error({ code: rest.code, detail: content }, ref, at),
    }
  })

const schemas: [string, TObject][] = Object.entries(EXTENDED_SERVER_FRAMES)

t.test('part 2: every frame of an extended session fits its schema, whatever is in it', async () => {
  const readers = schemas.map(([type, schema]) => [type, Compile(schema)] as const)
  const property = fc.property(frames, (texts) => {
    assert.deepEqual(Object.keys(texts), Object.keys(EXTENDED_SERVER_FRAMES), 'all of them')
    for (const [type, reader] of readers) {
      const text = texts[type] ?? ''
      const parsed: unknown = JSON.parse(text)
      assert.ok(reader.Check(parsed), text)
      const fields = Object.keys(reader.Type().properties).filter((field) =>
        Object.hasOwn(Object(parsed), field),
      )
      assert.deepEqual(Object.keys(Object(parsed)), fields, 'in this order')
      assert.equal(text, JSON.stringify(parsed), 'and nothing between')
    }
  })
  fc.assert(property, { numRuns: 300 })
})

const ORDER = ['position', 'seq', 'ref', 'code', 'retry', 'session', 'users', 'history', 'resumed']

t.test(
  'part 2: extension fields stand behind the timestamp, in this order, and the others as ever',
  async (t) => {
    const base = ['type', 'sender', 'target', 'content', 'userList', 'timestamp']
    for (const [type, { properties }] of schemas) {
      const fields = Object.keys(properties)
      const expected = [...base, ...ORDER].filter((field) => fields.includes(field))
      t.strictSame(fields, expected, type)
      const same = Object.entries(SERVER_FRAMES).find(([name]) => name === type)?.[1]
      if (same)
        t.strictSame(
          fields.filter((field) => !ORDER.includes(field)),
          Object.keys(same.properties),
          `${type} has what base sessions get`,
        )
    }
  },
)

t.test('part 2: a frame of an extended session has no fields but these', async (t) => {
  const [texts = {}] = fc.sample(frames, { numRuns: 1, seed: 1 })
  for (const [type, schema] of schemas) {
    const reader = Compile(schema)
    const frame = JSON.parse(texts[type] ?? '')
    t.ok(reader.Check(frame), type)
    t.notOk(reader.Check({ ...frame, more: 1 }), `${type} with one more`)
    t.notOk(reader.Check({ ...frame, timestamp: 'yesterday' }))
    t.notOk(reader.Check({ ...frame, type: 'other' }))
  }
})

t.test('part 2, 4: a ref is a text of 1 to 64 code points', async (t) => {
  for (const ref of ['r', ' ', '\0', '\ud800', 'a'.repeat(64), '🦊'.repeat(64)])
    t.ok(isRef(ref), JSON.stringify(ref))
  for (const ref of ['', 'a'.repeat(65), '🦊'.repeat(65), 'a'.repeat(100_000), undefined, null, 1, {}, ['r']])
    t.notOk(isRef(ref), String(ref).slice(0, 20))
})

t.test('part 2, 6: a page of the history is so many messages before a position', async (t) => {
  for (const content of [undefined, null, {}, { color: 'red' }])
    t.strictSame(readHistoryQuery(content), { before: undefined, limit: 50 }, JSON.stringify(content))
  t.strictSame(readHistoryQuery({ before: '0a1f-12', limit: 1 }), { before: POSITION, limit: 1 })
  t.strictSame(readHistoryQuery({ limit: 100 }), { before: undefined, limit: 100 })
  const refused = (detail: string) => ({ code: 'INVALID_FIELD', detail })
  const form = refused(
    '"content" debe llevar "before" (una posición) y "limit" (de 1 a 100), los dos opcionales',
  )
  for (const limit of [0, 101, 1.5, -1, '10', null])
    t.strictSame(readHistoryQuery({ limit }), form, String(limit))
  for (const before of [1, null, {}]) t.strictSame(readHistoryQuery({ before }), form, String(before))
  for (const content of ['x', 1, true]) t.strictSame(readHistoryQuery(content), form, String(content))
  const position = refused('"content.before" debe ser una posición')
  for (const before of ['', 'x', 'x-', '12']) t.strictSame(readHistoryQuery({ before }), position, before)
})
