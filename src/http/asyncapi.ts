/** The AsyncAPI document of the WebSocket side, made from the schemas of the frames. */
import { CLOSES } from '../protocol/codes.js'
import { CLIENT_EXAMPLES, EXTENDED_EXAMPLES, type Example, SERVER_EXAMPLES } from '../protocol/examples.js'
import { EXTENDED_SERVER_FRAMES, extendedClientFrames } from '../protocol/extended-frames.js'
import { type FrameType, SERVER_FRAMES } from '../protocol/frames.js'

type ServerType = keyof typeof EXTENDED_SERVER_FRAMES
type BaseType = keyof typeof SERVER_FRAMES

/** What the document has of JSON Schema. */
export interface JsonSchema {
  /** TypeBox's own; it does not get into the document. */
  readonly '~kind'?: string
  readonly type?: string
  readonly description?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly JsonSchema[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[] | undefined
  readonly items?: JsonSchema
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly default?: unknown
}

interface Ref {
  readonly $ref: string
}

export interface Message {
  /** The `type` of the frame. */
  readonly name: string
  readonly title: string
  readonly summary: string
  readonly correlationId?: { readonly location: string; readonly description: string }
  readonly payload: JsonSchema
  readonly examples: readonly { readonly summary: string; readonly payload: object }[]
}

export interface Operation {
  readonly action: 'send' | 'receive'
  readonly channel: Ref
  readonly title: string
  readonly summary: string
  readonly security?: readonly Ref[]
  readonly messages: readonly Ref[]
  readonly reply?: { readonly channel: Ref; readonly messages: readonly Ref[] }
}

const TO_CLIENTS: Readonly<Record<ServerType, string>> = {
  register_success: 'You are in',
  broadcast: 'Somebody, you perhaps, has said something to everyone',
  private: 'Somebody has said something to you',
  list_users_response: 'Who is present',
  user_info_response: 'The address and the status of a user',
  status_update: 'Somebody, you perhaps, has another status',
  user_connected: 'Somebody has joined',
  user_disconnected: 'Somebody, you perhaps, has left',
  ack: 'What you asked for with a `ref` is done',
  history_response: 'A page of the history',
  error: 'What you sent was not done, and why',
}

/** What clients send: what it is for, and what answers it where that is no `error`. */
const FROM_CLIENTS: Readonly<
  Record<
    FrameType,
    { readonly summary: string; readonly base: readonly BaseType[]; readonly extended: readonly ServerType[] }
  >
> = {
  register: {
    summary: 'Asks for a name. Nothing but `disconnect` is understood before it has succeeded',
    base: ['register_success'],
    extended: ['register_success'],
  },
  broadcast: { summary: 'Says something to everyone', base: ['broadcast'], extended: ['broadcast', 'ack'] },
  private: { summary: 'Says something to one user', base: [], extended: ['ack'] },
  list_users: {
    summary: 'Asks who is present',
    base: ['list_users_response'],
    extended: ['list_users_response'],
  },
  user_info: {
    summary: 'Asks for the address and the status of a user',
    base: ['user_info_response'],
    extended: ['user_info_response'],
  },
  change_status: {
    summary: 'Changes your own status',
    base: ['status_update'],
    extended: ['status_update', 'ack'],
  },
  disconnect: {
    summary: 'Leaves for good; the server closes the connection',
    base: ['user_disconnected'],
    extended: ['user_disconnected', 'ack'],
  },
  history: {
    summary: 'Asks for a page of what was said to all. Of extended sessions alone',
    base: [],
    extended: ['history_response'],
  },
}

const CHANNEL: Ref = { $ref: '#/channels/chat' }
const GUESTS = 'Guests need none, unless the server runs with `AUTH=required`.'

/** Makes the document for a server that takes messages of so many code points. */
export function asyncApi(version: string, maxContentChars: number) {
  const clientFrames = messagesOf('client', 'from a client', extendedClientFrames(maxContentChars), {
    examples: CLIENT_EXAMPLES,
    summary: (type) => FROM_CLIENTS[type].summary,
  })
  const summary = (type: ServerType) => TO_CLIENTS[type]
  const baseFrames = messagesOf('base', 'to a base session', SERVER_FRAMES, {
    examples: SERVER_EXAMPLES,
    summary,
  })
  const extendedFrames = messagesOf('extended', 'to an extended session', EXTENDED_SERVER_FRAMES, {
    examples: EXTENDED_EXAMPLES,
    summary,
  })
  const messages: Readonly<Record<string, Message>> = { ...clientFrames, ...baseFrames, ...extendedFrames }
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Tertulia: the chat',
      version,
      description: INFO,
      license: { name: 'MIT', url: 'https://spdx.org/licenses/MIT.html' },
    },
    defaultContentType: 'application/json',
    servers: {
      ws: { host: 'localhost:3000', protocol: 'ws', description: 'As it starts without configuration' },
      wss: { host: 'localhost:3000', protocol: 'wss', description: 'With `TLS_CERT` and `TLS_KEY`' },
    },
    channels: {
      chat: {
        address: '/chat',
        title: 'The room',
        description: CHANNEL_RULES,
        servers: [{ $ref: '#/servers/ws' }, { $ref: '#/servers/wss' }],
        messages: Object.fromEntries(
          Object.keys(messages).map((id) => [id, { $ref: `#/components/messages/${id}` }]),
        ),
        bindings: { ws: { method: 'GET', bindingVersion: '0.1.0' } },
      },
    },
    operations: operations([Object.keys(baseFrames), Object.keys(extendedFrames)]),
    components: {
      messages,
      securitySchemes: {
        password: {
          type: 'userPassword',
          description: `The name is \`sender\` of \`register\`, the password \`content.password\`. ${GUESTS}`,
        },
        token: {
          type: 'apiKey',
          in: 'password',
          description: `A signed token (JWT) in \`content.token\` of \`register\`, whose subject is the name. ${GUESTS}`,
        },
      },
    },
  }
}

export type AsyncApi = ReturnType<typeof asyncApi>

const INFO = [
  'Chat and presence: JSON frames over WebSocket. In prose, with the rules: docs/protocol.md. What operators can do is in the OpenAPI document.',
  'A client that registers with an object as `content` has an *extended* session; all others have *base* sessions, and notice nothing of the extensions.',
].join('\n\n')

const CHANNEL_RULES = [
  'One JSON object a WebSocket message. Fields that are not known are ignored. Frames of one connection take effect in the order in which they were sent.',
  'The server closes the connection with:',
  Object.values(CLOSES)
    .map(({ code, meaning }) => `- ${code}: ${meaning}`)
    .join('\n'),
].join('\n\n')

/** The messages of one direction, by their ids. */
function messagesOf<T extends string>(
  group: string,
  direction: string,
  schemas: Readonly<Record<T, JsonSchema>>,
  about: {
    readonly examples: Readonly<Record<NoInfer<T>, readonly Example[]>>
    readonly summary: (type: NoInfer<T>) => string
  },
): Record<string, Message> {
  const types = Object.keys(schemas).filter((type): type is T => type in schemas)
  return Object.fromEntries(
    types.map((type) => {
      const payload = schemas[type]
      const message = {
        name: type,
        title: `${type}, ${direction}`,
        summary: about.summary(type),
        ...(payload.properties?.ref && { correlationId: CORRELATION }),
        payload,
        examples: about.examples[type].map(({ summary, frame }) => ({ summary, payload: frame })),
      }
      return [`${group}.${type}`, message]
    }),
  )
}

const CORRELATION = {
  location: '$message.payload#/ref',
  description: 'Of extended sessions: what a frame carries, its answer carries back',
}

/** One operation for each frame of a client, and one for what each kind of session may get at any time. */
function operations([base, extended]: readonly [readonly string[], readonly string[]]) {
  const received = Object.entries(FROM_CLIENTS).map(([type, asked]): [string, Operation] => [
    type,
    {
      action: 'receive',
      channel: CHANNEL,
      title: type,
      summary: asked.summary,
      ...(type === 'register' && {
        security: [
          { $ref: '#/components/securitySchemes/password' },
          { $ref: '#/components/securitySchemes/token' },
        ],
      }),
      messages: refs([`client.${type}`]),
      reply: {
        channel: CHANNEL,
        messages: refs([
          ...[...asked.base, 'error'].map((answer) => `base.${answer}`),
          ...[...asked.extended, 'error'].map((answer) => `extended.${answer}`),
        ]),
      },
    },
  ])
  const sent = (title: string, ids: readonly string[]): Operation => ({
    action: 'send',
    channel: CHANNEL,
    title,
    summary: 'All that the server sends to it, answers and what others do',
    messages: refs(ids),
  })
  return {
    ...Object.fromEntries(received),
    toBaseSession: sent('To a base session', base),
    toExtendedSession: sent('To an extended session', extended),
  }
}

function refs(ids: readonly string[]): Ref[] {
  return ids.map((id) => ({ $ref: `#/channels/chat/messages/${id}` }))
}
