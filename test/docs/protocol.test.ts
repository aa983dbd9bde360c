import t from 'tap'
import type { TObject } from 'typebox'
import { Check } from 'typebox/value'
import { loadConfig, SETTINGS } from '../../src/config.js'
import { createDecoder, timestamp } from '../../src/protocol/codec.js'
import { CLOSES, ERRORS } from '../../src/protocol/codes.js'
import { EXTENDED_SERVER_FRAMES } from '../../src/protocol/extended-frames.js'
import { clientFrames, EXTENDED_TYPES, SERVER_FRAMES } from '../../src/protocol/frames.js'
import { MAX_NAME_CHARS } from '../../src/protocol/names.js'
import { AWAY_SPREAD_MS } from '../../src/room/away.js'
import { code, fences, read, section, table } from './markdown.js'

const DOCUMENT = read('docs/protocol.md')
const [BASE = '', EXTENSIONS = ''] = DOCUMENT.split('\n## Part 2. Extensions\n')
const BASE_FIELDS = ['type', 'sender', 'target', 'content', 'userList', 'timestamp']
const MORE_FIELDS = ['position', 'seq', 'ref', 'code', 'retry', 'session', 'users', 'history', 'resumed']
const FIELDS = [...BASE_FIELDS, ...MORE_FIELDS]

interface Example {
  readonly from: 'Client' | 'Server'
  readonly json: string
  /** Of an extended session. */
  readonly extended: boolean
}

const examplesIn = (part: string, extended: boolean) =>
  Array.from(
    part.matchAll(/^\*\*(Client|Server)\*\*\n\n```json\n([\s\S]*?)^```$/gm),
    ([, from, json = '']): Example => ({ from: from === 'Client' ? 'Client' : 'Server', json, extended }),
  )
const examples = [...examplesIn(BASE, false), ...examplesIn(EXTENSIONS, true)]

const transcriptIn = (part: string, extended: (name: string) => boolean) =>
  fences(part, 'text')
    .flatMap((block) => block.split('\n'))
    .flatMap((line): Example[] => {
      const [, name = '', arrow, json = ''] = /^(\w+) +([<>]) (.*)$/.exec(line) ?? []
      if (arrow === undefined) return []
      return [{ from: arrow === '>' ? 'Client' : 'Server', json, extended: extended(name) }]
    })
const transcript = [
  ...transcriptIn(BASE, () => false),
  // There Beto has no extensions.
  ...transcriptIn(EXTENSIONS, (name) => name !== 'Beto'),
]

const serverSchemas = new Map<string, TObject>(Object.entries(SERVER_FRAMES))
const extendedSchemas = new Map<string, TObject>(Object.entries(EXTENDED_SERVER_FRAMES))
const decode = createDecoder(loadConfig({}).MAX_CONTENT_CHARS)

function parse(json: string): object {
  const value: unknown = JSON.parse(json)
  if (typeof value !== 'object' || value === null) throw new Error(`not a frame: ${json}`)
  return value
}

function typeOf(json: string): string {
  return String(Reflect.get(parse(json), 'type'))
}

/** The names of all fields, those inside `content` too, in their order. */
function fieldsOf(value: object): unknown[] {
  return Object.entries(value).map(([name, field]: [string, unknown]) =>
    typeof field === 'object' && field !== null && !Array.isArray(field) ? [name, fieldsOf(field)] : name,
  )
}

/** The same of a schema, which is written in the order of the wire. */
function fieldsOfSchema(schema: { properties: object }): unknown[] {
  return Object.entries(schema.properties).map(([name, field]: [string, unknown]) => {
    const nested: unknown =
      typeof field === 'object' && field !== null ? Reflect.get(field, 'properties') : undefined
    return typeof nested === 'object' && nested !== null
      ? [name, fieldsOfSchema({ properties: nested })]
      : name
  })
}

t.test('every JSON block is an example of a frame, and says from whom', (t) => {
  t.equal(examples.length, fences(DOCUMENT, 'json').length)
  t.ok(transcript.length > 0, 'there is a transcript')
  t.end()
})

t.test('every example of a client is read by the server as a frame of its type', (t) => {
  for (const { json } of [...examples, ...transcript].filter(({ from }) => from === 'Client')) {
    const decoded = decode(Buffer.from(json))
    t.equal(decoded.kind === 'frame' && decoded.frame.type, typeOf(json), json)
    const names = Object.keys(parse(json))
    t.same(
      names,
      FIELDS.filter((name) => names.includes(name)),
      'the fields are in the usual order',
    )
  }
  t.end()
})

t.test(
  'every example of the server is one that it could send, with its fields in the order of the wire',
  (t) => {
    for (const { json, extended } of [...examples, ...transcript].filter(({ from }) => from === 'Server')) {
      const schema = (extended ? extendedSchemas : serverSchemas).get(typeOf(json))
      if (schema === undefined) {
        t.fail(`there is no such frame: ${json}`)
        continue
      }
      const frame = parse(json)
      t.ok(Check(schema, frame), json)
      const fields = Object.keys(schema.properties).filter((field) => field in frame)
      t.same(Object.keys(frame), fields, 'the fields')
      if (!extended) t.same(fieldsOf(frame), fieldsOfSchema(schema), 'and those inside of them')
      const stamp = String(Reflect.get(frame, 'timestamp'))
      t.equal(stamp, timestamp(Date.parse(stamp)), 'the form of the timestamp')
    }
    t.end()
  },
)

t.test('the order of fields that the document gives is that of the schemas', (t) => {
  const given = /stand in this order[^:]*:\n?([^.]*)\./.exec(section(DOCUMENT, '1.4 Frames'))?.[1] ?? ''
  t.same(
    Array.from(given.matchAll(/`(\w+)`/g), ([, name]) => name),
    BASE_FIELDS,
  )
  const more = /in this order: ([^.]*)\./.exec(section(DOCUMENT, '2.4 Extended sessions'))?.[1] ?? ''
  t.same(
    Array.from(more.matchAll(/`(\w+)`/g), ([, name]) => name),
    MORE_FIELDS,
  )
  for (const [type, { properties }] of [...serverSchemas, ...extendedSchemas]) {
    const names = Object.keys(properties)
    t.same(
      names,
      FIELDS.filter((name) => names.includes(name)),
      type,
    )
  }
  t.end()
})

t.test('every frame has an example', (t) => {
  const types = (from: Example['from']) => [
    ...new Set(examples.filter((example) => example.from === from).map(({ json }) => typeOf(json))),
  ]
  t.same(types('Client'), Object.keys(clientFrames(1)), 'those of clients, in the order of the schemas')
  const all = new Set([...serverSchemas.keys(), ...extendedSchemas.keys()])
  t.same(types('Server').toSorted(), [...all].toSorted(), 'those of the server')
  t.end()
})

t.test('every frame of a client has a section and a row', (t) => {
  const types = Object.keys(clientFrames(1)).filter((type) => !EXTENDED_TYPES.has(type))
  const overview = table(section(DOCUMENT, '1.4 Frames'))
  t.same(
    overview.map(([type]) => type),
    types.map((type) => `[\`${type}\`](#${type})`),
  )
  for (const type of types) t.ok(section(DOCUMENT, type).includes('```json'), type)
  t.end()
})

t.test('the table of errors is the registry', (t) => {
  const rows = table(section(DOCUMENT, '1.6 Errors')).map(([name, text, retry, meaning]) => ({
    name: code(name),
    text,
    retry,
    explained: meaning !== '',
  }))
  const registry = Object.entries(ERRORS).map(([name, { text, retry }]) => ({
    name,
    text,
    retry: retry ? 'yes' : 'no',
    explained: true,
  }))
  t.same(rows, registry)
  t.end()
})

t.test('the table of close codes is the registry', (t) => {
  const rows = table(section(DOCUMENT, '1.5 Closing'))
  const registry = Object.values(CLOSES).map(({ code, reason, comeBack, meaning }) => {
    return [String(code), reason, meaning, comeBack ? 'yes' : 'no']
  })
  t.same(rows, registry)
  t.end()
})

/** What the units of the document are in those of the configuration. */
const UNITS: Readonly<Record<string, number>> = {
  'code points': 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  s: 1000,
  min: 60_000,
  frames: 1,
  connections: 1,
  '(no limit)': 1,
}

function amount(cell = ''): number {
  const [, number = '', unit = ''] = /^([\d,]+) (.+)$/.exec(cell) ?? []
  return Number(number.replaceAll(',', '')) * (UNITS[unit] ?? Number.NaN)
}

t.test('the limits are the defaults of the configuration', (t) => {
  const rows = table(section(DOCUMENT, '1.7 Limits'))
  const documented = rows.filter(([, , variable]) => variable !== '')
  const defaults = new Map(SETTINGS.map((setting) => [setting.name, setting.default]))
  for (const [, value, variable] of documented) {
    t.equal(amount(value), defaults.get(code(variable)), code(variable))
  }
  t.same(
    documented.map(([, , variable]) => code(variable)),
    [
      'MAX_FRAME_BYTES',
      'MAX_CONTENT_CHARS',
      'REGISTER_TIMEOUT_MS',
      'PING_INTERVAL_MS',
      'IDLE_AFTER_MS',
      'RATE_PER_SECOND',
      'RATE_BURST',
      'REGISTRATIONS_PER_MINUTE',
      'MAX_CONNECTIONS',
      'MAX_CONNECTIONS_PER_IP',
      'UPGRADES_PER_SECOND',
      'OUTBOX_MAX_BYTES',
      'DRAIN_MS',
    ],
  )
  const fixed = (what: string) => amount(rows.find(([limit]) => limit?.startsWith(what))?.[1])
  t.equal(fixed('a name'), MAX_NAME_CHARS)
  t.equal(fixed('over what time many'), AWAY_SPREAD_MS)
  t.end()
})
