import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { createDecoder } from '../../src/protocol/codec.js'
import { Client } from '../conformance/client.js'
import { type RunningApp, startApp } from '../support/app.js'
import { Extended } from '../support/extended.js'

const decode = createDecoder(4096)
const RUNS = 1000

const name = fc.oneof(
  fc.constant('Ana'),
  fc.constant('Testigo'),
  fc.constant('server'),
  fc.string({ unit: 'binary' }),
)
const type = fc.oneof(
  fc.constantFrom('register', 'broadcast', 'private', 'list_users', 'user_info', 'change_status'),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'register_success', 'error', ''),
)
/** Frames that are nearly right. */
const nearly = fc
  .record(
    {
      type: fc.oneof(type, fc.jsonValue()),
      sender: fc.oneof(name, fc.jsonValue()),
      target: name,
      content: fc.jsonValue(),
    },
    { requiredKeys: [] },
  )
  .map((frame) => Buffer.from(JSON.stringify(frame)))
/** Right frames, damaged. */
const damaged = fc
  .tuple(nearly, fc.nat(), fc.uint8Array({ maxLength: 4 }), fc.nat(8))
  .map(([frame, at, bytes, cut]) => {
    const place = at % (frame.length + 1)
    return Buffer.concat([frame.subarray(0, place), bytes, frame.subarray(place + cut)])
  })
const payload = fc.oneof(
  nearly,
  damaged,
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.string({ unit: 'binary', maxLength: 100 }).map((text) => Buffer.from(text)),
  fc.json().map((text) => Buffer.from(text)),
  fc.nat(30_000).map((depth) => Buffer.from('['.repeat(depth))),
  fc.nat(5000).map((depth) => Buffer.from(`${'{"type":'.repeat(depth)}1${'}'.repeat(depth)}`)),
)

/** Somebody who sees whether others are disturbed. */
async function witness(app: RunningApp) {
  const client = await Client.join(app.url, `Testigo ${randomUUID()}`)
  return {
    /** Everything still works for others, and `stranger` has not changed who they are. */
    check: async () => {
      client.send({ type: 'user_info', sender: 'x', target: client.name })
      const { content } = await client.next('user_info_response')
      if (JSON.stringify(content) !== '{"ip":"127.0.0.1","status":"ACTIVO"}')
        throw new Error(`changed: ${content}`)
    },
  }
}

t.test(
  '1.2 whatever a registered client sends: exactly one error for what is refused, and nobody else is disturbed',
  async (t) => {
    const app = await startApp(t, { MAX_FRAME_BYTES: '1048576' })
    const other = await witness(app)
    const property = fc.asyncProperty(payload, fc.boolean(), async (bytes, binary) => {
      const client = await Client.join(app.url, `Ana ${randomUUID()}`)
      const { kind } = decode(bytes)
      client.send(bytes, { binary })
      if (kind === 'close') {
        const { code } = await client.closed()
        if (code !== 1007) throw new Error(`closed ${code}`)
      } else {
        const errors = (await client.settle()).filter((frame) => frame.type === 'error')
        if (kind === 'refused' && errors.length !== 1) throw new Error(`${errors.length} errors`)
        if (errors.length > 1) throw new Error(`${errors.length} errors`)
        await client.close()
      }
      await other.check()
    })
    await fc.assert(property, { numRuns: RUNS })
  },
)

t.test(
  'part 2: whatever a client with extensions sends: the same, with a code, and it can be taken up again',
  async (t) => {
    const app = await startApp(t, { MAX_FRAME_BYTES: '1048576', RESUME_GRACE_MS: '1000' })
    const other = await witness(app)
    /** Frames that only such a client sends. */
    const extended = fc
      .record(
        {
          type: fc.constantFrom('history', 'broadcast', 'private', 'change_status', 'list_users', 'register'),
          sender: fc.constantFrom('OWN', 'Testigo'),
          target: name,
          content: fc.oneof(
            fc.record({ before: fc.jsonValue(), limit: fc.jsonValue() }, { requiredKeys: [] }),
            fc.record({ resume: fc.jsonValue(), history: fc.jsonValue() }, { requiredKeys: [] }),
            fc.jsonValue(),
          ),
          ref: fc.oneof(fc.string({ unit: 'binary', maxLength: 70 }), fc.jsonValue()),
        },
        { requiredKeys: ['type'] },
      )
      .map((frame) => JSON.stringify(frame))
    const property = fc.asyncProperty(fc.oneof(extended, payload), async (input) => {
      const own = `Ana ${randomUUID()}`
      const bytes =
        typeof input === 'string' ? Buffer.from(input.replace('"OWN"', JSON.stringify(own))) : input
      const client = await Extended.enter(app, own)
      const decoded = decode(bytes)
      client.client.send(bytes)
      if (decoded.kind === 'close') {
        if ((await client.client.closed()).code !== 1007) throw new Error('not closed 1007')
      } else {
        const answers = await client.settle()
        const errors = answers.filter((frame) => frame.type === 'error')
        if (errors.length > 1 || (decoded.kind === 'refused' && errors.length !== 1))
          throw new Error(`${errors.length} errors`)
        for (const error of errors)
          if (typeof error.code !== 'string' || !('content' in error))
            throw new Error(`without a code: ${error.content}`)
        client.break()
      }
      const back = await client.resume(app)
      if (back.welcome.resumed !== true) throw new Error('it was not taken up again')
      back.send({ type: 'disconnect' })
      await back.client.closed()
      await other.check()
    })
    await fc.assert(property, { numRuns: RUNS / 4 })
  },
)

t.test('1.2 whatever a client sends before it registers: exactly one error each, in order', async (t) => {
  const app = await startApp(t, { MAX_FRAME_BYTES: '1048576' })
  const other = await witness(app)
  const refusable = payload.filter((bytes) => {
    const decoded = decode(bytes)
    if (decoded.kind === 'close') return false
    return decoded.kind === 'refused' || !['register', 'disconnect'].includes(decoded.frame.type)
  })
  const property = fc.asyncProperty(
    fc.array(refusable, { minLength: 1, maxLength: 20 }),
    async (payloads) => {
      const client = await Client.open(app.url)
      for (const bytes of payloads) client.send(bytes)
      for (const _ of payloads) {
        const answer = await client.next()
        if (answer.type !== 'error') throw new Error(`answered ${answer.raw}`)
      }
      const { userList } = await client.register(`Ana ${randomUUID()}`)
      if (!userList?.includes(client.name)) throw new Error('not on the list')
      await client.close()
      await other.check()
    },
  )
  await fc.assert(property, { numRuns: RUNS / 4 })
})

t.test('whatever bytes come instead of WebSocket frames, the server and the others go on', async (t) => {
  const app = await startApp(t)
  const other = await witness(app)
  const handshake =
    'GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
  const bytes = fc.uint8Array({ maxLength: 200 })
  const property = fc.asyncProperty(fc.boolean(), bytes, async (upgraded, garbage) => {
    const socket = connect(app.port, '127.0.0.1')
    const closed = once(socket, 'close')
    socket.on('error', () => {})
    socket.resume()
    if (upgraded) socket.write(handshake)
    socket.end(garbage)
    await closed
    await other.check()
  })
  await fc.assert(property, { numRuns: RUNS })
})
