/** The AsyncAPI document: valid, complete, and what the server does. That it is up to date is in docs.test.ts. */
import { readFileSync } from 'node:fs'
import { type AsyncAPIDocumentInterface, type MessageInterface, Parser } from '@asyncapi/parser'
import t, { type Test } from 'tap'
import { Compile } from 'typebox/schema'
import { EXTENDED_SERVER_FRAMES, MAX_REF_CHARS } from '../../src/protocol/extended-frames.js'
import { isRef, readHistoryQuery } from '../../src/protocol/extensions.js'
import { clientFrames, SERVER_FRAMES } from '../../src/protocol/frames.js'
import {
  MAX_HISTORY,
  MAX_PASSWORD_CHARS,
  MAX_SECRET_CHARS,
  MIN_PASSWORD_CHARS,
  readRegistration,
} from '../../src/protocol/registration.js'
import { Client, type Frame } from '../conformance/client.js'
import { read, section, table } from '../docs/markdown.js'
import { startApp } from '../support/app.js'

const committed = readFileSync(new URL('../../openapi/asyncapi.json', import.meta.url), 'utf8')

/** It is told that there is a later version of AsyncAPI than 3.0. */
const KNOWN = 'asyncapi-latest-version'

const parser = new Parser()

async function parse(text: string) {
  const { document, diagnostics } = await parser.parse(text)
  const problems = diagnostics.filter(({ code }) => code !== KNOWN)
  return { document, problems: problems.map(({ message, path }) => `${path.join('.')}: ${message}`) }
}

const { document, problems } = await parse(committed)
if (document === undefined) throw new Error(`the document cannot be parsed: ${problems.join('; ')}`)
const messages = messagesOf(document)

/** All messages, by their ids. */
function messagesOf(document: AsyncAPIDocumentInterface): Map<string, MessageInterface> {
  const all = document.components().messages().all()
  return new Map(all.map((message) => [message.id() ?? '', message]))
}

function schemaOf(message: MessageInterface | undefined): object {
  const schema = message?.payload()?.json()
  if (typeof schema !== 'object') throw new Error('a message without a schema')
  return schema
}

t.test('is valid AsyncAPI 3.0 for the official parser, without a warning', async (t) => {
  t.same(problems, [])
  t.equal(document.version(), '3.0.0')
  const servers = document.servers().all()
  t.same(
    servers.map((server) => `${server.protocol()}://${server.host()}`),
    ['ws://localhost:3000', 'wss://localhost:3000'],
  )
  const channels = document.channels().all()
  t.same(
    channels.map((channel) => channel.address()),
    ['/chat'],
  )
})

t.test('the parser would say what is wrong', async (t) => {
  for (const [right, wrong] of [
    ['"action": "receive"', '"action": "hear"'],
    ['"#/channels/chat/messages/client.register"', '"#/channels/chat/messages/client.nothing"'],
    ['"type": "integer"', '"type": "whole"'],
    ['"host": "localhost:3000"', '"hots": "localhost:3000"'],
  ] as const) {
    const { problems } = await parse(committed.replace(right, wrong))
    t.not(problems.length, 0, wrong)
  }
})

t.test('leads nowhere else: nothing has to be fetched', async (t) => {
  const refs = Array.from(committed.matchAll(/"\$ref": "([^"]*)"/g), ([, ref]) => ref)
  t.ok(refs.length > 0)
  for (const ref of refs) t.match(ref, /^#\//)
})

t.test('has every frame: of clients, to base sessions, and to extended ones', async (t) => {
  const ids = [
    ...Object.keys(clientFrames(1)).map((type) => `client.${type}`),
    ...Object.keys(SERVER_FRAMES).map((type) => `base.${type}`),
    ...Object.keys(EXTENDED_SERVER_FRAMES).map((type) => `extended.${type}`),
  ]
  t.same([...messages.keys()], ids)
  for (const [id, message] of messages) {
    const names = [message.name(), Reflect.get(schemaOf(message), 'properties').type.const]
    const type = id.slice(id.indexOf('.') + 1)
    t.same(names, [type, type])
  }
  const operations = document.operations()
  const idsOf = (all: { id(): string | undefined }[]) => all.map((one) => one.id())
  const received = operations.filterByReceive().flatMap((operation) => operation.messages().all())
  const sent = operations.filterBySend().flatMap((operation) => operation.messages().all())
  t.same([...idsOf(received), ...idsOf(sent)], ids, 'each is in an operation')
})

t.test('every message has an example, which fits its schema; and no schema takes anything', async (t) => {
  for (const [id, message] of messages) {
    const schema = Compile(schemaOf(message))
    const examples = message.examples().all()
    t.ok(examples.length > 0, id)
    for (const example of examples) {
      const payload = example.payload()
      t.ok(schema.Check(payload), `${id}: ${example.summary()}`)
      t.notOk(schema.Check({ ...payload, type: 'other' }), `${id} of another type`)
      t.notOk(schema.Check({ ...payload, sender: undefined }), `${id} without a sender`)
    }
  }
})

t.test('describes what register may carry as it is read', async (t) => {
  const register = Compile(schemaOf(messages.get('client.register')))
  const fits = (content: unknown) => register.Check({ type: 'register', sender: 'Ana', content })
  const resume = { session: 's', position: '1-1', seq: 0 }
  const right = [
    null,
    'x',
    {},
    { history: 0 },
    { history: MAX_HISTORY },
    { password: 'x'.repeat(MIN_PASSWORD_CHARS) },
    { password: '😀'.repeat(MAX_PASSWORD_CHARS) },
    { token: 'x' },
    { resume },
    { resume: { ...resume, session: 'x'.repeat(MAX_SECRET_CHARS) } },
    { other: 1 },
  ]
  const wrong = [
    { history: MAX_HISTORY + 1 },
    { history: -1 },
    { history: 1.5 },
    { password: 'x'.repeat(MIN_PASSWORD_CHARS - 1) },
    { password: '😀'.repeat(MAX_PASSWORD_CHARS + 1) },
    { token: 1 },
    { resume: 's' },
    { resume: { session: 's', position: '1-1' } },
    { resume: { ...resume, session: '' } },
    { resume: { ...resume, session: 'x'.repeat(MAX_SECRET_CHARS + 1) } },
    { resume: { ...resume, seq: -1 } },
    { resume: { ...resume, seq: 2 ** 53 } },
  ]
  for (const [contents, good] of [
    [right, true],
    [wrong, false],
  ] as const) {
    for (const content of contents) {
      t.equal(fits(content), good, JSON.stringify(content))
      t.equal('code' in readRegistration(content), !good, 'and it is read so')
    }
  }
  const refs: unknown[] = ['x', '😀'.repeat(MAX_REF_CHARS), '', 'x'.repeat(MAX_REF_CHARS + 1), 1]
  for (const ref of refs)
    t.equal(register.Check({ type: 'register', sender: 'Ana', ref }), isRef(ref), JSON.stringify(ref))
})

t.test('describes what history may carry as it is read', async (t) => {
  const history = Compile(schemaOf(messages.get('client.history')))
  const contents = [
    {},
    { limit: 1 },
    { limit: MAX_HISTORY },
    { before: '1-1' },
    { limit: 0 },
    { limit: 101 },
    { before: 1 },
  ]
  for (const content of contents) {
    const fits = history.Check({ type: 'history', sender: 'Ana', content })
    t.equal(fits, !('code' in readHistoryQuery(content)), JSON.stringify(content))
  }
})

/** Frames that are in the document for one kind of session; each that is not fails the test. */
class Checked {
  readonly seen = new Set<string>()
  readonly #kind: string

  constructor(kind: string) {
    this.#kind = kind
  }

  check(t: Test, frames: readonly Frame[]): void {
    for (const { raw, type } of frames) {
      this.seen.add(type)
      const schema = schemaOf(messages.get(`${this.#kind}.${type}`))
      t.ok(Compile(schema).Check(JSON.parse(raw)), raw)
    }
  }
}

/** All that somebody gets before the answer to what no session may do twice; or before he is closed. */
async function before(client: Client, isLast: boolean): Promise<Frame[]> {
  if (isLast) await client.closed()
  else client.send({ type: 'register', sender: 'again' })
  const frames: Frame[] = []
  while (!isLast || client.unread.length > 0) {
    const frame = await client.next()
    if (frame.content === 'Esta conexión ya está registrada') break
    frames.push(frame)
  }
  return frames
}

/** What can be asked for once somebody is in; last of all, to leave. */
const asked = document
  .operations()
  .filterByReceive()
  .filter((operation) => operation.id() !== 'register')
asked.sort((one, other) => Number(one.id() === 'disconnect') - Number(other.id() === 'disconnect'))

for (const kind of ['base', 'extended'] as const) {
  t.test(`the examples of clients are answered as it says, to ${kind} sessions`, async (t) => {
    const { url } = await startApp(t)
    const checked = new Checked(kind)
    const join = async (name: string) => {
      const client = await Client.open(url)
      checked.check(t, [await client.register(name, kind === 'base' ? null : {})])
      return client
    }
    const beto = await join('Beto')
    const ana = await join('Ana')
    let refs = 0
    for (const operation of asked) {
      const replies = operation.reply()?.messages().all() ?? []
      const expected = replies.map((reply) => reply.id()).filter((id) => id?.startsWith(`${kind}.`))
      const examples = operation
        .messages()
        .all()
        .flatMap((message) => message.examples().all())
      for (const example of examples) {
        refs += 1
        ana.send({ ...example.payload(), ...(kind === 'extended' && { ref: `${refs}` }) })
        const answers = await before(ana, operation.id() === 'disconnect')
        checked.check(t, answers)
        const ids = answers.map((answer) => `${kind}.${answer.type}`)
        // Base sessions do not know of the history.
        const isRefused = kind === 'base' && operation.id() === 'history'
        t.same(isRefused ? ids : [...ids, `${kind}.error`], expected, example.summary() ?? '')
      }
    }
    beto.send({ type: 'private', sender: 'Beto', target: 'Nadie', content: '?' })
    checked.check(t, await before(beto, false))
    const all = [...messages.keys()].filter((id) => id.startsWith(`${kind}.`))
    const seen = [...checked.seen].map((type) => `${kind}.${type}`)
    t.same(seen.sort(), all.sort(), 'every frame was seen')
  })
}

t.test('is served to anybody, with the limits of this server', async (t) => {
  const answer = await (await startApp(t)).http.inject('/docs/asyncapi.json')
  t.equal(answer.statusCode, 200)
  t.match(answer.headers['content-type'], 'application/json')
  t.same(answer.json(), JSON.parse(committed))
  const strict = await startApp(t, { MAX_CONTENT_CHARS: '10' })
  const { components } = (await strict.http.inject('/docs/asyncapi.json')).json()
  t.equal(components.messages['client.broadcast'].payload.properties.content.maxLength, 10)
})

t.test('its page has every frame with every field, and every example', async (t) => {
  const page = read('docs/asyncapi.md')
  for (const [id, message] of messages) {
    const part = section(page, id)
    const fields = table(part).map(([field = '']) => field.replaceAll('`', ''))
    t.same(
      fields.filter((field) => !/[.[]/.test(field)),
      Object.keys(Reflect.get(schemaOf(message), 'properties')),
      id,
    )
    for (const example of message.examples().all())
      t.match(part, `\`\`\`json\n${JSON.stringify(example.payload())}\n\`\`\``, id)
  }
  const nested = table(section(page, 'extended.history_response')).map(([field]) => field)
  t.ok(nested.includes('`content.messages[].position`'))
})
