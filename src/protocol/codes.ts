/** Every error and close code: the registry that the server, its documents and their tests share. */

/** What an error means. `text` is what a base client reads; `{detail}` is filled in by the refusal. */
export interface ErrorDefinition {
  readonly text: string
  /** Whether the same frame can succeed later. */
  readonly retry: boolean
  /** For the documents. */
  readonly meaning: string
}

export const ERRORS = {
  INVALID_JSON: {
    text: 'El mensaje no es JSON válido{detail}',
    retry: false,
    meaning: 'The frame cannot be parsed. The position is given where it is known.',
  },
  NOT_AN_OBJECT: {
    text: 'El mensaje debe ser un objeto JSON',
    retry: false,
    meaning: 'The frame is JSON, but not an object.',
  },
  INVALID_FIELD: {
    text: 'El campo {detail}',
    retry: false,
    meaning: 'A field is missing or is not what it must be. The text names the field and what is expected.',
  },
  UNKNOWN_TYPE: {
    text: 'El campo "type" no es un tipo conocido; los tipos son: {detail}',
    retry: false,
    meaning: 'There is no such frame. The text lists those that there are.',
  },
  NOT_REGISTERED: {
    text: 'Debes registrarte primero',
    retry: false,
    meaning: 'Only `register` and `disconnect` are understood before `register_success`.',
  },
  ALREADY_REGISTERED: {
    text: 'Esta conexión ya está registrada',
    retry: false,
    meaning: 'A connection registers once.',
  },
  NAME_TAKEN: {
    text: 'El usuario ya existe',
    retry: false,
    meaning:
      'Somebody has this name, or one that counts as the same. Another may be tried on the same connection.',
  },
  NAME_CLAIMED: {
    text: 'El usuario ya existe: el nombre tiene dueño',
    retry: false,
    meaning: 'The name belongs to somebody who proves it with a password or a token, there or not.',
  },
  WRONG_PASSWORD: {
    text: 'La contraseña no es correcta',
    retry: false,
    meaning: 'The name belongs to somebody, and this is not what proves it.',
  },
  INVALID_TOKEN: {
    text: 'El token no es válido: {detail}',
    retry: false,
    meaning:
      'The token has expired, is for another name or another server, or was not signed by whom this server trusts.',
  },
  CREDENTIAL_NEEDED: {
    text: 'Este servidor no admite invitados: regístrate con {detail}',
    retry: false,
    meaning: 'The server is started with `AUTH=required`. The text says what it accepts.',
  },
  CREDENTIAL_UNAVAILABLE: {
    text: 'Este servidor no acepta {detail}',
    retry: false,
    meaning: 'Passwords or tokens are not set up here.',
  },
  TOO_MANY_ATTEMPTS: {
    text: 'Demasiados intentos; espera {detail} segundos',
    retry: true,
    meaning: 'Too many passwords came from this address. The owner of a name is not kept out elsewhere.',
  },
  TOO_MANY_CLAIMS: {
    text: 'Desde tu dirección ya se reclamaron demasiados nombres; espera {detail} horas, o entra sin contraseña',
    retry: true,
    meaning: 'More names were claimed from this address than `ACCOUNT_CLAIMS_PER_DAY`.',
  },
  BUSY: {
    text: 'El servidor está ocupado; intenta de nuevo',
    retry: true,
    meaning: 'Too many passwords are being checked at the moment.',
  },
  BANNED: {
    text: 'Acceso prohibido',
    retry: false,
    meaning: 'An operator has banned the name, or the address at this moment. The connection is closed 4004.',
  },
  NAME_INVALID: {
    text: 'El nombre no es válido: {detail}',
    retry: false,
    meaning: 'The name breaks a rule of section 1.3.',
  },
  NAME_RESERVED: {
    text: 'El nombre "{detail}" está reservado',
    retry: false,
    meaning: 'The name `server`, in any case, or one that looks like it.',
  },
  SENDER_MISMATCH: {
    text: 'El campo "sender" debe ser tu propio nombre',
    retry: false,
    meaning: 'The frame claims to come from someone else. Nothing was sent.',
  },
  USER_NOT_FOUND: {
    text: 'Usuario no encontrado',
    retry: false,
    meaning: 'Nobody present has the name in `target`, or there is no `target`. Nothing was sent.',
  },
  INBOX_FULL: {
    text: 'El buzón de "{detail}" está lleno',
    retry: true,
    meaning: 'The target is away for a moment, and more waits for it than is kept. Nothing was sent.',
  },
  UNAVAILABLE: {
    text: 'El servicio no está disponible por el momento; intenta de nuevo',
    retry: true,
    meaning: 'The server could not reach what the nodes share. What this frame asked for was not done.',
  },
} as const satisfies Record<string, ErrorDefinition>

export type ErrorCode = keyof typeof ERRORS

/** Why a frame is refused: a code and what fills the `{detail}` of its text. */
export interface Refusal {
  readonly code: ErrorCode
  readonly detail?: string
}

/** The text of a refusal as a client reads it. */
export function errorText(refusal: Refusal): string {
  return ERRORS[refusal.code].text.replace('{detail}', () => refusal.detail ?? '')
}

/** What a close code means. `comeBack`: whether a client should connect again by itself (protocol 1.5). */
export interface CloseDefinition {
  readonly code: number
  /** Sent as the reason of the close frame; not with 1009, which the WebSocket library sends by itself. */
  readonly reason: string
  readonly comeBack: boolean
  /** For the documents. */
  readonly meaning: string
}

export const CLOSES = {
  NORMAL: {
    code: 1000,
    reason: 'Hasta luego',
    comeBack: false,
    meaning: 'The answer to `disconnect`.',
  },
  INVALID_UTF8: {
    code: 1007,
    reason: 'UTF-8 inválido',
    comeBack: false,
    meaning: 'A frame was not valid UTF-8 before its first NUL byte.',
  },
  TOO_LARGE: {
    code: 1009,
    reason: 'Mensaje demasiado grande',
    comeBack: false,
    meaning: 'A frame was larger than `MAX_FRAME_BYTES`.',
  },
  RESTART: {
    code: 1012,
    reason: 'El servidor se reinicia',
    comeBack: true,
    meaning: 'The server restarts: come back.',
  },
  TOO_SLOW: {
    code: 1013,
    reason: 'Lectura demasiado lenta',
    comeBack: true,
    meaning: 'The client reads too slowly for what it is sent: come back later.',
  },
  NOT_REGISTERED_IN_TIME: {
    code: 4001,
    reason: 'No te registraste a tiempo',
    comeBack: false,
    meaning: 'The connection did not register within `REGISTER_TIMEOUT_MS`.',
  },
  REMOVED: {
    code: 4003,
    reason: 'Un operador te retiró',
    comeBack: false,
    meaning: 'An operator removed the user.',
  },
  BANNED: {
    code: 4004,
    reason: 'Acceso prohibido',
    comeBack: false,
    meaning: 'The name or address is banned.',
  },
  TAKEN_OVER: {
    code: 4005,
    reason: 'La sesión continúa en otra conexión',
    comeBack: false,
    meaning: 'The owner of the name goes on with another connection.',
  },
  NAME_LOST: {
    code: 4006,
    reason: 'El nombre se perdió mientras el servidor estaba aislado',
    comeBack: true,
    meaning: 'The name went to somebody else while this server was cut off: come back.',
  },
} as const satisfies Record<string, CloseDefinition>
