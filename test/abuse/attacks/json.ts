/** JSON that is deep, or huge: read within the limits, and refused with one error. */
import type { Dice } from '../../support/dice.js'
import type { Attack } from '../ground.js'
import { refusedBy } from '../rest.js'
import { allRefused, answersTo, expectOneError, input, join, withClients } from '../stranger.js'

/** With `MAX_FRAME_BYTES` of 64 KiB, the default. */
const MOST = 65_536

const deep = (open: string, close: string, depth: number) => open.repeat(depth) + close.repeat(depth)

/** Payloads of nearly `size` bytes; none of them is a frame that anybody can send. */
const PAYLOADS: readonly ((size: number, name: string) => string)[] = [
  (size) => '['.repeat(size),
  (size) => deep('[', ']', size / 2),
  (size) => '{"a":'.repeat(size / 5),
  (size) => `${'{"type":'.repeat(size / 9 - 1)}1${'}'.repeat(size / 9 - 1)}`,
  (size, name) => `{"type":"broadcast","sender":"${name}","content":${deep('[', ']', size / 2 - 50)}}`,
  (size, name) => `{"type":"broadcast","sender":"${name}","content":${'9'.repeat(size - 100)}}`,
  (size, name) => `{"type":"broadcast","sender":"${name}","content":1e${'9'.repeat(size - 100)}}`,
  (size, name) => `{"type":"broadcast","sender":"${name}","content":"${'x'.repeat(size - 100)}"}`,
  (size, name) => `{"type":"broadcast","sender":"${name}","content":"${'\\u0061'.repeat(size / 6 - 50)}"}`,
  (size) => `{"type":"broadcast","sender":"${'é'.repeat(size / 2 - 50)}","content":"x"}`,
  (size) => `{"type":"${'x'.repeat(size - 50)}","sender":"x"}`,
  (size) => `{${'"type":"x",'.repeat(size / 12)}"sender":"x"}`,
  (size) => `{${Array.from({ length: Math.floor(size / 12) }, (_, key) => `"${key}":[]`)}}`,
  (size, name) =>
    `{"type":"register","sender":"${name}","content":{"password":${deep('[', ']', size / 2 - 60)}}}`,
  (size) => `[${'0,'.repeat(size / 2 - 2)}0]`,
  (size) => `${' '.repeat(size - 1)}`,
  (size) => '"'.repeat(size),
  (size) => '\\'.repeat(size),
]

export const bigJson: Attack = ({ nodes, dice }, amount) =>
  withClients(async (keep) => {
    const node = dice.pick(nodes)
    const client = keep(await join(node.url, dice))
    let tried = 0
    for (; tried < amount; tried += 4) {
      const payloads = Array.from({ length: 4 }, () => dice.pick(PAYLOADS)(sizeOf(dice), client.name))
      await allRefused(
        client,
        payloads.map((payload) => input(payload)),
      )
    }
    // At the limit to the byte, it is read; one byte more ends the connection.
    const [answers = []] = await answersTo(client, [input('['.repeat(MOST))])
    expectOneError('[ 65,536 times', answers)
    client.send('['.repeat(MOST + 1))
    const { code } = await client.closed()
    if (code !== 1009) throw new Error(`a frame that is too large was closed ${code}`)
    for (const path of ['/bans', '/announcements'])
      for (const make of PAYLOADS) await refusedBy(node, 'POST', path, make(MOST * (1 + dice.below(20)), 'x'))
    return tried + 2 + PAYLOADS.length * 2
  })

/** Often as large as can be, and always larger than a message. */
function sizeOf(dice: Dice): number {
  return dice.happens(0.5) ? MOST - 100 : 30_000 + dice.below(MOST - 30_100)
}
