import { type Case, decision } from '../case.js'
import type { Client } from '../client.js'
import { assertFrame, expectClosed } from '../expect.js'
import { broadcast, hasLeft } from '../frames.js'

const BURST = 32
const ENOUGH_BYTES = 96 * 1024 * 1024

// The largest message there is: 4,096 characters of four bytes each.
const LARGEST = '😀'.repeat(4096)

export const slowReader: Case[] = [
  decision('1.5')(
    'who is too slow to read is closed 1013; everyone else is told, and nobody waits for it',
    async (ctx) => {
      const [ana, beto] = await ctx.pair()
      ana.ws.pause()
      await flood(beto, ana)
      ana.ws.resume()
      await expectClosed(ana, 1013)
    },
    ['load'],
  ),
]

/** Sends broadcasts until `reader` has left; each burst waits for its own echo, as nobody else does. */
async function flood(sender: Client, reader: Client): Promise<void> {
  for (let bytes = 0; bytes < ENOUGH_BYTES; bytes += BURST * Buffer.byteLength(LARGEST)) {
    sender.sendAll(Array.from({ length: BURST }, () => broadcast(sender.name, LARGEST)))
    for (let echoes = 0; echoes < BURST; ) {
      const frame = await sender.next()
      if (frame.type === 'broadcast') echoes += 1
      if (frame.type !== 'user_disconnected') continue
      assertFrame(frame, hasLeft(reader.name))
      return
    }
  }
  throw new Error(`${reader.name} reads nothing, and was still connected after ${ENOUGH_BYTES} bytes for it`)
}
