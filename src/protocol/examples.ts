/** Examples of all frames, for documents: typed by the schemas, and checked against them by a test. */
import type { Static, TSchema } from 'typebox'
import type { EXTENDED_SERVER_FRAMES, extendedClientFrames } from './extended-frames.js'
import type { SERVER_FRAMES } from './frames.js'

/** A frame, and when it is sent. */
export interface Example<F = object> {
  readonly summary: string
  readonly frame: F
}

type ExamplesOf<S extends Record<string, TSchema>> = {
  readonly [T in keyof S]: readonly [Example<Static<S[T]>>, ...Example<Static<S[T]>>[]]
}

const SERVER = 'server'
const SAID_AT = '2026-11-25T18:00:00.000Z'
const DONE_AT = '2026-11-25T18:00:00.001Z'
const SECRET = 'q3Vn0vXyJk4TzR8mWb1sLd6c'

const said = {
  type: 'broadcast',
  sender: 'Ana',
  content: '¡Hola, tertulia!',
  timestamp: SAID_AT,
} as const
const saidToBeto = {
  type: 'private',
  sender: 'Ana',
  target: 'Beto',
  content: '¿Vienes?',
  timestamp: SAID_AT,
} as const
const saidEarlier = { ...said, content: 'Buenas tardes', position: '5f0c3ad1b2e49786-38' }
const saidLater = { ...said, position: '5f0c3ad1b2e49786-43' }

/** What clients send, base sessions and extended ones. */
export const CLIENT_EXAMPLES: ExamplesOf<ReturnType<typeof extendedClientFrames>> = {
  register: [
    { summary: 'A base session', frame: { type: 'register', sender: 'Ana', content: null } },
    {
      summary: 'An extended session that wants the latest broadcast',
      frame: { type: 'register', sender: 'Ana', content: { history: 1 }, ref: '1' },
    },
    {
      summary: 'The owner of a name, who proves it',
      frame: { type: 'register', sender: 'Ana', content: { password: 'correct horse battery' } },
    },
    {
      summary: 'A session that broke off is taken up',
      frame: {
        type: 'register',
        sender: 'Ana',
        content: { resume: { session: SECRET, position: '5f0c3ad1b2e49786-43', seq: 2 } },
      },
    },
  ],
  broadcast: [
    {
      summary: 'To everyone',
      frame: { type: 'broadcast', sender: 'Ana', content: '¡Hola, tertulia!' },
    },
    {
      summary: 'With a `ref`: it may be sent again, and is said once',
      frame: { type: 'broadcast', sender: 'Ana', content: '¡Hola, tertulia!', ref: '7' },
    },
  ],
  private: [
    { summary: 'To Beto', frame: { type: 'private', sender: 'Ana', target: 'Beto', content: '¿Vienes?' } },
  ],
  list_users: [{ summary: 'Everyone', frame: { type: 'list_users', sender: 'Ana' } }],
  user_info: [{ summary: 'Beto', frame: { type: 'user_info', sender: 'Ana', target: 'Beto' } }],
  change_status: [{ summary: 'Busy', frame: { type: 'change_status', sender: 'Ana', content: 'OCUPADO' } }],
  disconnect: [
    { summary: 'Good bye', frame: { type: 'disconnect', sender: 'Ana', content: 'Cierre de sesión' } },
  ],
  history: [
    { summary: 'The latest', frame: { type: 'history', sender: 'Ana', content: { limit: 20 }, ref: '8' } },
    {
      summary: 'What was said before them',
      frame: {
        type: 'history',
        sender: 'Ana',
        content: { before: '5f0c3ad1b2e49786-38', limit: 20 },
        ref: '9',
      },
    },
  ],
}

/** What base sessions get. */
export const SERVER_EXAMPLES: ExamplesOf<typeof SERVER_FRAMES> = {
  register_success: [
    {
      summary: 'Ana is in',
      frame: {
        type: 'register_success',
        sender: SERVER,
        content: 'Registro exitoso',
        userList: ['Beto', 'Ana'],
        timestamp: SAID_AT,
      },
    },
  ],
  broadcast: [{ summary: 'From Ana', frame: said }],
  private: [{ summary: 'From Ana to Beto', frame: saidToBeto }],
  list_users_response: [
    {
      summary: 'Two are present',
      frame: { type: 'list_users_response', sender: SERVER, content: ['Beto', 'Ana'], timestamp: DONE_AT },
    },
  ],
  user_info_response: [
    {
      summary: 'Beto',
      frame: {
        type: 'user_info_response',
        sender: SERVER,
        target: 'Beto',
        content: { ip: '192.0.2.7', status: 'ACTIVO' },
        timestamp: DONE_AT,
      },
    },
  ],
  status_update: [
    {
      summary: 'Ana is busy',
      frame: {
        type: 'status_update',
        sender: SERVER,
        content: { user: 'Ana', status: 'OCUPADO' },
        timestamp: DONE_AT,
      },
    },
  ],
  user_disconnected: [
    {
      summary: 'Ana has left',
      frame: { type: 'user_disconnected', sender: SERVER, content: 'Ana ha salido', timestamp: DONE_AT },
    },
  ],
  error: [
    {
      summary: 'There is no such user',
      frame: { type: 'error', sender: SERVER, content: 'Usuario no encontrado', timestamp: DONE_AT },
    },
  ],
}

/** What extended sessions get. */
export const EXTENDED_EXAMPLES: ExamplesOf<typeof EXTENDED_SERVER_FRAMES> = {
  register_success: [
    {
      summary: 'A new session',
      frame: {
        ...SERVER_EXAMPLES.register_success[0].frame,
        position: '5f0c3ad1b2e49786-42',
        seq: 0,
        ref: '1',
        session: SECRET,
        users: [
          { name: 'Beto', status: 'OCUPADO' },
          { name: 'Ana', status: 'ACTIVO' },
        ],
        history: [saidEarlier],
        resumed: false,
      },
    },
    {
      summary: 'A session that broke off has been taken up: what it has missed comes next',
      frame: {
        ...SERVER_EXAMPLES.register_success[0].frame,
        position: '5f0c3ad1b2e49786-43',
        seq: 2,
        session: SECRET,
        users: [
          { name: 'Beto', status: 'OCUPADO' },
          { name: 'Ana', status: 'ACTIVO' },
        ],
        resumed: true,
      },
    },
  ],
  broadcast: [{ summary: 'From Ana', frame: saidLater }],
  private: [{ summary: 'The third one that this session of Beto got', frame: { ...saidToBeto, seq: 3 } }],
  list_users_response: [
    { summary: 'Two are present', frame: { ...SERVER_EXAMPLES.list_users_response[0].frame, ref: '2' } },
  ],
  user_info_response: [
    { summary: 'Beto', frame: { ...SERVER_EXAMPLES.user_info_response[0].frame, ref: '3' } },
  ],
  status_update: [
    {
      summary: 'Ana is busy',
      frame: { ...SERVER_EXAMPLES.status_update[0].frame, position: '5f0c3ad1b2e49786-44' },
    },
    { summary: 'Ana was busy already, and is told so alone', frame: SERVER_EXAMPLES.status_update[0].frame },
  ],
  user_connected: [
    {
      summary: 'Carla has joined',
      frame: {
        type: 'user_connected',
        sender: SERVER,
        content: { user: 'Carla', status: 'ACTIVO' },
        timestamp: DONE_AT,
        position: '5f0c3ad1b2e49786-45',
      },
    },
  ],
  user_disconnected: [
    {
      summary: 'Ana has left',
      frame: { ...SERVER_EXAMPLES.user_disconnected[0].frame, position: '5f0c3ad1b2e49786-46' },
    },
  ],
  ack: [
    {
      summary: 'Of a broadcast',
      frame: {
        type: 'ack',
        sender: SERVER,
        content: null,
        timestamp: DONE_AT,
        position: '5f0c3ad1b2e49786-43',
        ref: '7',
      },
    },
    {
      summary: 'Of a private message to somebody whose connection broke: it waits',
      frame: {
        type: 'ack',
        sender: SERVER,
        content: { delivered: false },
        timestamp: DONE_AT,
        position: '5f0c3ad1b2e49786-43',
        ref: '10',
      },
    },
  ],
  history_response: [
    {
      summary: 'The latest two',
      frame: {
        type: 'history_response',
        sender: SERVER,
        content: { messages: [saidEarlier, saidLater], more: true },
        timestamp: DONE_AT,
        ref: '8',
      },
    },
  ],
  error: [
    {
      summary: 'There is no such user',
      frame: { ...SERVER_EXAMPLES.error[0].frame, ref: '11', code: 'USER_NOT_FOUND' },
    },
    {
      summary: 'Trying again can help',
      frame: {
        type: 'error',
        sender: SERVER,
        content: 'El servicio no está disponible por el momento; intenta de nuevo',
        timestamp: DONE_AT,
        ref: '12',
        code: 'UNAVAILABLE',
        retry: true,
      },
    },
  ],
}
