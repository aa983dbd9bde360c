import { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { Receiver } from 'ws'

declare module 'ws' {
  /** What reads frames in a client. Exported by `ws`, but not by its types. */
  export class Receiver extends Writable {}
}

/** What came in a frame. */
export interface Message {
  readonly payload: Buffer
  readonly isBinary: boolean
}

/**
 * Reads a stream of frames as a client does. Rejects when it is not one.
 * @param chunkBytes how much of it comes at a time
 */
export async function receive(bytes: Buffer, chunkBytes = bytes.length): Promise<Message[]> {
  const receiver = new Receiver()
  const messages: Message[] = []
  receiver.on('message', (payload: Buffer, isBinary: boolean) => messages.push({ payload, isBinary }))
  for (let at = 0; at < bytes.length; at += chunkBytes) receiver.write(bytes.subarray(at, at + chunkBytes))
  receiver.end()
  await finished(receiver)
  return messages
}
