/** Somebody who tries things, one after the other, and sees what comes of each. */
import { isUtf8 } from 'node:buffer'
import { createDecoder, type Decoded } from '../../src/protocol/codec.js'
import { Client, type Frame, fieldsOf } from '../conformance/client.js'
import type { Dice } from '../support/dice.js'

const decode = createDecoder(4096)

/** A payload, and what a server reads in it, with the defaults of the configuration. */
export interface Input {
  readonly data: Buffer
  readonly binary: boolean
  readonly decoded: Decoded
}

/** @param data bytes, text, or an object that is sent as JSON */
export function input(data: Buffer | string | object, binary = false): Input {
  const bytes = Buffer.isBuffer(data)
    ? data
    : Buffer.from(typeof data === 'string' ? data : JSON.stringify(data))
  const decoded = decode(bytes)
  const plain = plainly(bytes)
  if (plain !== undefined && decoded.kind !== plain)
    throw new Error(`${shown(bytes)} is read as ${decoded.kind}, and is plainly ${plain}`)
  return { data: bytes, binary, decoded }
}

/** What an input is beyond doubt, found without the server's own code: else a mistake in that would be made here, too. */
function plainly(bytes: Buffer): Decoded['kind'] | undefined {
  const end = bytes.indexOf(0)
  const payload = end === -1 ? bytes : bytes.subarray(0, end)
  if (!isUtf8(payload)) return 'close'
  return 'type' in fieldsOf(payload.toString()) ? undefined : 'refused'
}

/** What is for everyone, or from others: no answer to anything. */
const OF_THE_ROOM: ReadonlySet<string> = new Set([
  'broadcast',
  'private',
  'status_update',
  'user_disconnected',
])

/** A name that nobody has: one of 2^64. */
export function newName(dice: Dice): string {
  const part = () => dice.below(2 ** 32).toString(36)
  return `Intruso ${part()}-${part()}`
}

/**
 * Sends inputs and gives each the answers that came to it: what came until the answer to a question behind it. None of them may end
 * the connection. The client must be registered.
 */
export async function answersTo(client: Client, inputs: readonly Input[]): Promise<Frame[][]> {
  const marks = inputs.map(({ decoded }) => markBehind(decoded))
  client.socket.cork()
  for (const [index, { data, binary }] of inputs.entries()) {
    client.send(data, { binary })
    client.send({ type: marks[index], sender: client.name, target: client.name })
  }
  client.socket.uncork()
  const all: Frame[][] = []
  for (const mark of marks) {
    const answers: Frame[] = []
    for (;;) {
      const frame = await client.next()
      if (frame.type === `${mark}_response`) break
      if (!OF_THE_ROOM.has(frame.type)) answers.push(frame)
    }
    all.push(answers)
  }
  return all
}

/** A question whose answer the input itself cannot get. */
function markBehind(decoded: Decoded): 'list_users' | 'user_info' {
  return decoded.kind === 'frame' && decoded.frame.type === 'user_info' ? 'list_users' : 'user_info'
}

/**
 * Sends inputs that must be refused, each with exactly one error.
 * @returns how many there were
 * @throws when something else came of one
 */
export async function allRefused(client: Client, inputs: readonly Input[]): Promise<number> {
  const answers = await answersTo(client, inputs)
  for (const [index, { data }] of inputs.entries()) expectOneError(data, answers[index] ?? [])
  return inputs.length
}

export function expectOneError(data: Uint8Array | string, answers: readonly Frame[]): void {
  const [only, ...others] = answers
  if (only?.type === 'error' && others.length === 0) return
  throw new Error(
    `${shown(data)} was answered ${answers.map(({ raw }) => shown(raw)).join(' ') || 'nothing'}`,
  )
}

const SHOWN = 500

/** An input as it can be read, and not all of it. */
export function shown(data: Uint8Array | string): string {
  const text = JSON.stringify(Buffer.from(data).toString('latin1'))
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}… (${data.length})`
}

/** Does something with clients that are all closed afterwards, whatever happened. */
export async function withClients<T>(work: (keep: (client: Client) => Client) => Promise<T>): Promise<T> {
  const clients: Client[] = []
  try {
    return await work((client) => {
      clients.push(client)
      return client
    })
  } finally {
    await Promise.all(clients.map((client) => client.close().catch(() => client.break())))
  }
}

/** Somebody who is registered. */
export async function join(url: string, dice: Dice): Promise<Client> {
  return Client.join(url, newName(dice))
}
