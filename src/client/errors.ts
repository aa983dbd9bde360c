import type { ErrorCode } from '../protocol/codes.js'

/**
 * What the client itself may say, beside the codes of the server:
 * - `UNDECIDED`: sent, and nobody knows whether it arrived. It is not sent again.
 * - `TIMEOUT`: not within the time; what was not sent by then is not sent any more.
 * - `QUEUE_FULL`: 64 things wait for the server. Not sent.
 * - `CLOSED`: there is no connection, and none will be made. Not sent.
 * - `DISCONNECTED`: the connection ended.
 * - `REFUSED`: by a server that gives no codes; the text says why.
 * - `UNSUPPORTED`: this server's session cannot do that.
 * - `UNREADABLE`: the server sent what this client does not understand.
 */
export type ClientErrorCode =
  | 'UNDECIDED'
  | 'TIMEOUT'
  | 'QUEUE_FULL'
  | 'CLOSED'
  | 'DISCONNECTED'
  | 'REFUSED'
  | 'UNSUPPORTED'
  | 'UNREADABLE'

/** Every error that the client gives. */
export class ChatError extends Error {
  override readonly name = 'ChatError'
  /** Stable, for programs. Servers may have others that this version does not know. */
  readonly code: ErrorCode | ClientErrorCode | (string & {})
  /** Trying the same again can help. */
  readonly retry: boolean
  /** Of a connection that the server closed (protocol 1.5). */
  readonly closeCode: number | undefined

  constructor(code: ChatError['code'], message: string, retry = false, closeCode?: number) {
    super(message)
    this.code = code
    this.retry = retry
    this.closeCode = closeCode
  }
}
