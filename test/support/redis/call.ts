import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'

export type Reply = string | number | null | readonly Reply[]

/** How to reach a server on 127.0.0.1. */
export interface Access {
  readonly port: number
  readonly password?: string | undefined
  /** The certificate to trust, as PEM; with one, the connection is TLS. */
  readonly ca?: string | undefined
}

/** What a server answers with an error, as it says it. */
export class ReplyError extends Error {}

const DEADLINE_MS = 5_000
const encode = (command: readonly string[]) =>
  `*${command.length}\r\n${command.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`

/**
 * Sends one command over a connection of its own, and returns the answer. It is a client apart from the one that the
 * program uses, so that tests do not see the server through what they test.
 */
export async function call(
  access: Access,
  command: readonly string[],
  deadlineMs = DEADLINE_MS,
): Promise<Reply> {
  const { port, password, ca } = access
  const commands = [...(password === undefined ? [] : [['AUTH', password]]), command]
  const where = { host: '127.0.0.1', port }
  const socket = ca === undefined ? connect(where) : connectTls({ ...where, ca })
  try {
    return await new Promise<Reply>((resolve, reject) => {
      let received = Buffer.alloc(0)
      const late = () => reject(new Error(`${command[0]}: no answer within ${deadlineMs} ms`))
      socket.setTimeout(deadlineMs, late)
      socket.on('error', reject)
      socket.on('close', () => reject(new Error(`${command[0]}: the server closed the connection`)))
      socket.on('data', (bytes) => {
        received = Buffer.concat([received, bytes])
        const replies = parseAll(received)
        const error = replies.find((reply) => reply instanceof ReplyError)
        if (error instanceof ReplyError) reject(error)
        const last = replies[commands.length - 1]
        if (last !== undefined && !(last instanceof ReplyError)) resolve(last)
      })
      socket.write(commands.map(encode).join(''))
    })
  } finally {
    socket.destroy()
  }
}

/** The complete replies at the start of `bytes`, in RESP2. */
function parseAll(bytes: Buffer): (Reply | ReplyError)[] {
  const replies: (Reply | ReplyError)[] = []
  for (let at = 0; at < bytes.length; ) {
    const parsed = parse(bytes, at)
    if (parsed === undefined) break
    replies.push(parsed.reply)
    at = parsed.end
  }
  return replies
}

/** The reply that starts at `at` and where it ends; nothing while it is incomplete. */
function parse(bytes: Buffer, at: number): { reply: Reply | ReplyError; end: number } | undefined {
  const lineEnd = bytes.indexOf('\r\n', at)
  if (lineEnd < 0) return undefined
  const kind = String.fromCharCode(bytes[at] ?? 0)
  const line = bytes.toString('utf8', at + 1, lineEnd)
  const start = lineEnd + 2
  switch (kind) {
    case '+':
      return { reply: line, end: start }
    case '-':
      return { reply: new ReplyError(line), end: start }
    case ':':
      return { reply: Number(line), end: start }
    case '$': {
      if (line === '-1') return { reply: null, end: start }
      const end = start + Number(line)
      return end + 2 > bytes.length ? undefined : { reply: bytes.toString('utf8', start, end), end: end + 2 }
    }
    case '*':
      return line === '-1' ? { reply: null, end: start } : parseList(bytes, start, Number(line))
    default:
      throw new Error(`not RESP2: ${bytes.toString('latin1', at, at + 50)}`)
  }
}

function parseList(bytes: Buffer, start: number, length: number): ReturnType<typeof parse> {
  const list: Reply[] = []
  let end = start
  while (list.length < length) {
    const parsed = parse(bytes, end)
    if (parsed === undefined) return undefined
    list.push(parsed.reply instanceof ReplyError ? parsed.reply.message : parsed.reply)
    end = parsed.end
  }
  return { reply: list, end }
}
