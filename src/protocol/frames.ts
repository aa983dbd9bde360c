/** The frames of the protocol as schemas: what clients send (protocol 1.4), and what the server sends. */
import Type, { type Static } from 'typebox'

/** The states a user can be in, as they are on the wire. */
export const STATUSES = ['ACTIVO', 'OCUPADO', 'INACTIVO'] as const
export type Status = (typeof STATUSES)[number]

/** The states, as a refusal lists them. */
export const STATUS_CHOICE = `${STATUSES.slice(0, -1).join(', ')} o ${STATUSES.at(-1)}`

/** Reads a status in any case; undefined when it is none. */
export function parseStatus(text: string): Status | undefined {
  // ASCII first: there are other letters whose upper case is an ASCII one.
  const upper = /^[A-Za-z]+$/.test(text) ? text.toUpperCase() : ''
  return STATUSES.find((status) => status === upper)
}

const newcomer = Type.String({ description: 'The name that is to be yours (1.3)' })
const sender = Type.String({ description: 'Your own name' })
const anything = Type.Optional(Type.Unknown({ description: 'Accepted in any form, and ignored' }))
const target = Type.Optional(Type.Union([Type.String(), Type.Null()], { description: 'The name of a user' }))

/**
 * The schemas of all client frames, by their `type`. Unknown fields are allowed and ignored, so no schema forbids them;
 * `type` itself selects the schema and is not checked again.
 * @param maxContentChars the longest message, in code points
 */
export function clientFrames(maxContentChars: number) {
  const message = Type.String({
    minLength: 1,
    maxLength: maxContentChars,
    description: 'The message: well-formed Unicode without U+0000',
  })
  return {
    register: Type.Object({
      type: Type.Literal('register'),
      sender: newcomer,
      content: Type.Optional(
        Type.Union([Type.Null(), Type.String(), Type.Object({})], {
          description:
            'null, absent or a string (which is ignored); an object asks for the extensions of part 2, each key of it being optional',
        }),
      ),
    }),
    broadcast: Type.Object({ type: Type.Literal('broadcast'), sender, content: message }),
    private: Type.Object({ type: Type.Literal('private'), sender, target, content: message }),
    list_users: Type.Object({ type: Type.Literal('list_users'), sender }),
    user_info: Type.Object({ type: Type.Literal('user_info'), sender, target }),
    change_status: Type.Object({
      type: Type.Literal('change_status'),
      sender,
      content: Type.String({ description: 'ACTIVO, OCUPADO or INACTIVO, in any case' }),
    }),
    disconnect: Type.Object({ type: Type.Literal('disconnect'), sender, content: anything }),
    // Of extended sessions alone; to others it is no frame at all, so that what is in it is judged when that is known.
    history: Type.Object({ type: Type.Literal('history'), sender: anything, content: anything }),
  }
}

/** The frames that only extended sessions know. */
export const EXTENDED_TYPES: ReadonlySet<string> = new Set<FrameType>(['history'])

type ClientSchemas = ReturnType<typeof clientFrames>
/** A client's frame of each type, as it is once its schema has accepted it. */
export type ClientFrames = { [T in keyof ClientSchemas]: Static<ClientSchemas[T]> }
export type FrameType = keyof ClientFrames
export type ClientFrame = ClientFrames[FrameType]

const server = Type.Literal('server')
const user = Type.String({ description: 'The name of a user, as it was registered' })
const names = Type.Array(Type.String(), { description: 'Names in the order of joining' })
const statusOf = exact({ user, status: statusSchema() })

/** The schemas of all frames that the server sends, by their `type`; fields in the order in which they stand on the wire. */
export const SERVER_FRAMES = {
  register_success: frame('register_success', { content: Type.Literal('Registro exitoso'), userList: names }),
  broadcast: exact({
    type: Type.Literal('broadcast'),
    sender: Type.String({ description: 'Who said it; `server`: an announcement of the operators' }),
    content: Type.String({ description: 'The message' }),
    timestamp: timestampSchema(),
  }),
  private: exact({
    type: Type.Literal('private'),
    sender: Type.String({ description: 'Who said it' }),
    target: Type.String({ description: 'To whom: you' }),
    content: Type.String({ description: 'The message' }),
    timestamp: timestampSchema(),
  }),
  list_users_response: frame('list_users_response', { content: names }),
  user_info_response: frame('user_info_response', {
    target: user,
    content: exact({ ip: Type.String({ description: 'The address of that user' }), status: statusSchema() }),
  }),
  status_update: frame('status_update', { content: statusOf }),
  user_disconnected: frame('user_disconnected', {
    content: Type.String({ description: '`<name> ha salido`' }),
  }),
  error: frame('error', { content: Type.String({ description: 'What is wrong, and where' }) }),
}

/** An object that has these fields and no others. */
export function exact<P extends Record<string, Type.TSchema>>(properties: P) {
  return Type.Object(properties, { additionalProperties: false })
}

/** A frame that has the server for its sender. */
export function frame<T extends string, P extends Record<string, Type.TSchema>>(type: T, properties: P) {
  return exact({ type: Type.Literal(type), sender: server, ...properties, timestamp: timestampSchema() })
}

/** The status of a user as it is always written. */
export function statusSchema() {
  return Type.Enum(STATUSES)
}

function timestampSchema() {
  return Type.String({ format: 'date-time', description: 'ISO 8601, UTC, milliseconds' })
}
