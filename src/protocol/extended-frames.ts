/** The frames of extended sessions as schemas (protocol, part 2): what they send, and what they get. */
import Type from 'typebox'
import { ERRORS } from './codes.js'
import { clientFrames, exact, frame, SERVER_FRAMES, statusSchema } from './frames.js'
import { MAX_HISTORY, MAX_PASSWORD_CHARS, MAX_SECRET_CHARS, MIN_PASSWORD_CHARS } from './registration.js'

/** The longest `ref`, in code points. */
export const MAX_REF_CHARS = 64

/** How many messages a page of the history has, when its frame does not say. */
export const PAGE_MESSAGES = 50

const mark = "`<epoch>-<offset>`: a mark in the room's log"
const position = Type.String({ description: mark })

/** What a client may put into `content` of `history`. That `before` is a position is looked at when it is read. */
export const HISTORY_CONTENT = Type.Object({
  before: Type.Optional(
    Type.String({
      description:
        'Messages before this position; without it, the latest. The first one of a page leads to the page before',
    }),
  ),
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_HISTORY,
      default: PAGE_MESSAGES,
      description: 'How many at most',
    }),
  ),
})

/** The object in `content` of `register`. It is read by hand, in registration.ts: this is what it says to people. */
const REGISTER_CONTENT = Type.Object(
  {
    password: Type.Optional(
      Type.String({
        minLength: MIN_PASSWORD_CHARS,
        maxLength: MAX_PASSWORD_CHARS,
        description: 'Claims the name, or proves that it is yours; counted in NFC. Not together with `token`',
      }),
    ),
    token: Type.Optional(Type.String({ description: 'A signed token (JWT) whose subject is the name' })),
    history: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: MAX_HISTORY,
        description: 'How many of the latest broadcasts to send along',
      }),
    ),
    resume: Type.Optional(
      Type.Object(
        {
          session: Type.String({
            minLength: 1,
            maxLength: MAX_SECRET_CHARS,
            description: '`session` of `register_success`',
          }),
          position: Type.String({
            description: '`position` of the last frame of the log that you have seen',
          }),
          seq: Type.Integer({
            minimum: 0,
            maximum: Number.MAX_SAFE_INTEGER,
            description: '`seq` of the last private message that you have seen; 0: none',
          }),
        },
        { description: 'The session that broke off, to be taken up' },
      ),
    ),
  },
  { description: 'Makes the session extended. Every key is optional; others are ignored' },
)

/**
 * The schemas of all client frames as an extended session may send them, by their `type`: those that are read by
 * {@link clientFrames}, and what is read by hand.
 * @param maxContentChars the longest message, in code points
 */
export function extendedClientFrames(maxContentChars: number) {
  const base = clientFrames(maxContentChars)
  const ref = Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: MAX_REF_CHARS,
      description: 'Comes back in the answer. Ignored unless the session is extended',
    }),
  )
  // Without one the answer is an error, like that for a name that nobody has.
  const target = Type.String({ description: 'The name of a user' })
  const sent = <P extends Record<string, Type.TSchema>>({ properties }: Type.TObject<P>) =>
    Type.Object({ ...properties, ref })
  return {
    register: Type.Object({
      ...base.register.properties,
      content: Type.Optional(
        Type.Union([Type.Null(), Type.String(), REGISTER_CONTENT], {
          description: 'null, absent or a text, which is ignored: a base session. An object: an extended one',
        }),
      ),
      ref,
    }),
    broadcast: sent(base.broadcast),
    private: Type.Object({ ...base.private.properties, target, ref }),
    list_users: sent(base.list_users),
    user_info: Type.Object({ ...base.user_info.properties, target, ref }),
    change_status: sent(base.change_status),
    disconnect: sent(base.disconnect),
    history: Type.Object({
      type: Type.Literal('history'),
      sender: base.list_users.properties.sender,
      content: Type.Optional(HISTORY_CONTENT),
      ref,
    }),
  }
}

const seq = Type.Integer({
  minimum: 1,
  description: 'Counts the private messages of the session, without gaps',
})
const answered = Type.String({ description: 'The `ref` of the frame that this answers' })
const ref = Type.Optional(answered)

/** A frame of the base protocol with what stands behind its timestamp. */
function extended<P extends Record<string, Type.TSchema>, Q extends Record<string, Type.TSchema>>(
  { properties }: Type.TObject<P>,
  more: Q,
) {
  return exact({ ...properties, ...more })
}

const broadcast = extended(SERVER_FRAMES.broadcast, { position })

/** The schemas of all frames that extended sessions get, by `type`; fields in the order in which they stand on the wire. */
export const EXTENDED_SERVER_FRAMES = {
  register_success: extended(SERVER_FRAMES.register_success, {
    position: Type.String({ description: `${mark}: what comes behind it is sent from now on` }),
    seq: Type.Integer({ minimum: 0, description: 'The private messages behind it are sent from now on' }),
    ref,
    session: Type.String({ description: 'The secret that takes the session up again' }),
    users: Type.Array(exact({ name: Type.String(), status: statusSchema() }), {
      description: 'Who is present, in the order of joining',
    }),
    history: Type.Optional(
      Type.Array(broadcast, {
        description: 'The latest broadcasts, the oldest first, if they were asked for',
      }),
    ),
    resumed: Type.Boolean({ description: 'Whether the session that broke off has been taken up' }),
  }),
  broadcast,
  private: extended(SERVER_FRAMES.private, { seq }),
  list_users_response: extended(SERVER_FRAMES.list_users_response, { ref }),
  user_info_response: extended(SERVER_FRAMES.user_info_response, { ref }),
  status_update: extended(SERVER_FRAMES.status_update, {
    position: Type.Optional(
      Type.String({ description: `${mark}; without it nothing has changed, and only you are told` }),
    ),
  }),
  user_connected: extended(
    frame('user_connected', { content: SERVER_FRAMES.status_update.properties.content }),
    { position },
  ),
  user_disconnected: extended(SERVER_FRAMES.user_disconnected, { position }),
  ack: extended(
    frame('ack', {
      content: Type.Union([
        Type.Null(),
        exact({
          delivered: Type.Boolean({
            description: 'Of a private message; false: it waits for a user who is held',
          }),
        }),
      ]),
    }),
    {
      position: Type.Optional(
        Type.String({ description: 'Where what was asked for stands in the log, or behind what' }),
      ),
      ref: answered,
    },
  ),
  history_response: extended(
    frame('history_response', {
      content: exact({
        messages: Type.Array(broadcast, { description: 'The oldest first' }),
        more: Type.Boolean({ description: 'Whether there are others before them' }),
      }),
    }),
    { ref },
  ),
  error: extended(SERVER_FRAMES.error, {
    ref,
    code: Type.Enum(Object.keys(ERRORS), { description: 'What is wrong, for programs (1.6)' }),
    retry: Type.Optional(Type.Literal(true, { description: 'Trying the same again can help' })),
  }),
}
