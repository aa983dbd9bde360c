/** The AsyncAPI document as a page for people. */
import type { AsyncApi, JsonSchema, Message, Operation } from '../http/asyncapi.js'

/** A line of the table of a frame's fields. */
interface Field {
  readonly path: string
  readonly schema: JsonSchema
  readonly required: boolean
}

/** Writes the page: Markdown, with a line feed at its end. */
export function asyncApiPage({ info, servers, channels, operations, components }: AsyncApi): string {
  const { chat } = channels
  const groups = [
    ['client', 'What clients send'],
    ['base', 'What base sessions get'],
    ['extended', 'What extended sessions get'],
  ] as const
  const all = Object.entries(components.messages)
  const addresses = Object.values(servers).map(({ protocol, host, description }) => {
    return `- \`${protocol}://${host}${chat.address}\`: ${description}`
  })
  const frames = groups.flatMap(([group, title]) => {
    const own = all.filter(([id]) => id.startsWith(`${group}.`))
    const list = own.map(([id]) => `[\`${nameOf(id)}\`](#${id.replace('.', '')})`).join(' · ')
    return [`## ${title}`, list, ...own.flatMap(([id, message]) => messageOf(id, message, operations))]
  })
  const parts = [
    `# ${info.title}`,
    '<!-- Written by `npm run openapi` from the schemas of the frames; not by hand. -->',
    'Every frame, from [openapi/asyncapi.json](../openapi/asyncapi.json), which programs can read. The rules that go with them are in [the protocol](protocol.md).',
    info.description,
    '## The channel',
    addresses.join('\n'),
    chat.description,
    '**Credentials.**',
    Object.values(components.securitySchemes)
      .map(({ description }) => `- ${description}`)
      .join('\n'),
    ...frames,
  ]
  return `${parts.join('\n\n')}\n`
}

function messageOf(id: string, message: Message, operations: Readonly<Record<string, Operation>>): string[] {
  const answers = operations[nameOf(id)]?.reply?.messages.map(({ $ref }) => $ref.split('/').at(-1) ?? '')
  const isAsked = id.startsWith('client.') && answers !== undefined
  return [
    `### ${id}`,
    `${message.summary}.`,
    ...(isAsked
      ? [`Answered by ${answers.map((answer) => `[\`${answer}\`](#${answer.replace('.', '')})`).join(', ')}.`]
      : []),
    table(fieldsOf(message.payload, '')),
    ...message.examples.flatMap(({ summary, payload }) => [
      `${summary}:`,
      ['```json', JSON.stringify(payload), '```'].join('\n'),
    ]),
  ]
}

/** The `type` that stands behind the group in the id of a message. */
function nameOf(id: string): string {
  return id.slice(id.indexOf('.') + 1)
}

/** All fields of an object, those inside other fields behind them. */
function fieldsOf({ properties = {}, required = [] }: JsonSchema, path: string): Field[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const inner = `${path}${name}`
    return [{ path: inner, schema, required: required.includes(name) }, ...within(schema, inner)]
  })
}

function within({ items, anyOf = [], ...schema }: JsonSchema, path: string): Field[] {
  return [
    ...fieldsOf(schema, `${path}.`),
    ...(items ? within(items, `${path}[]`) : []),
    ...anyOf.flatMap((one) => within(one, path)),
  ]
}

function table(fields: readonly Field[]): string {
  const rows = fields.map(({ path, schema, required }) => {
    const cells = [`\`${path}\``, typeOf(schema), required ? 'yes' : 'no', describe(schema)]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
  return ['| field | type | always | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

/** What a schema says in words; where it is a choice, what those say that there are. */
function describe({ description, anyOf = [], default: value }: JsonSchema): string {
  const said = [description, ...anyOf.map((one) => one.description)].filter((one) => one !== undefined)
  return [...said, ...(value === undefined ? [] : [`Default: ${value}`])].join('. ')
}

function typeOf(schema: JsonSchema): string {
  const { type, items, anyOf, const: value, enum: values } = schema
  if (value !== undefined) return `\`${JSON.stringify(value)}\``
  if (values) return values.map((one) => `\`${one}\``).join(', ')
  if (anyOf) return anyOf.map(typeOf).join(' or ')
  if (items) return `array of ${typeOf(items)}s`
  return `${type ?? 'anything'}${boundsOf(schema)}`
}

function boundsOf({ minLength, maxLength, minimum, maximum }: JsonSchema): string {
  if (minLength !== undefined && maxLength !== undefined) return `, ${minLength} to ${maxLength} code points`
  if (minimum === undefined) return ''
  const isBounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER
  return isBounded ? `, ${minimum} to ${maximum}` : `, at least ${minimum}`
}
