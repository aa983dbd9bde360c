/** Those who do not read, and those who hardly write. */
import type { Client } from '../../conformance/client.js'
import { broadcast, listUsers, register } from '../../conformance/frames.js'
import { textFrame } from '../../conformance/wire.js'
import type { Attack, Ground } from '../arena.js'
import { Raw, requestOf, UPGRADE } from '../raw.js'
import { join, newName, withClients } from '../stranger.js'

/** The largest message there is: 4,096 characters of four bytes each. */
const LARGEST = '😀'.repeat(4096)
const BURST = 16
/** What the system keeps for a connection, and the cap of the server, are far less than this. */
const ENOUGH_BYTES = 128 * 1024 * 1024

/** Each is closed 1013, and everyone else gets everything. */
export const slowReaders: Attack = (ground, amount) =>
  withClients(async (keep) => {
    const talker = keep(await join(ground.dice.pick(ground.nodes).url, ground.dice))
    const slow: Client[] = []
    for (let count = 0; count < amount; count += 1) {
      const client = keep(await join(ground.dice.pick(ground.nodes).url, ground.dice))
      client.ws.pause()
      slow.push(client)
    }
    await talkUntilAllLeft(talker, new Set(slow.map(({ name }) => `${name} ha salido`)))
    for (const client of slow) {
      client.ws.resume()
      const { code } = await client.closed()
      if (code !== 1013) throw new Error(`who does not read was closed ${code}`)
    }
    return amount
  })

/** Each burst waits for its own echo, as nobody else does. */
async function talkUntilAllLeft(talker: Client, farewells: Set<string>): Promise<void> {
  for (let bytes = 0; bytes < ENOUGH_BYTES; bytes += BURST * Buffer.byteLength(LARGEST)) {
    talker.sendAll(Array.from({ length: BURST }, () => broadcast(talker.name, LARGEST)))
    for (let echoes = 0; echoes < BURST; ) {
      const { type, sender, content } = await talker.next()
      if (type === 'broadcast' && sender === talker.name) echoes += 1
      if (type === 'user_disconnected') farewells.delete(String(content))
    }
    if (farewells.size === 0) return
  }
  throw new Error(`${farewells.size} read nothing, and are still there`)
}

/** How often somebody asks who never reads an answer. */
const QUESTIONS = 2000

/** Whoever asks and does not read gets no more answers, until it reads: then all of them, in order. */
export const deafAskers: Attack = async ({ nodes, dice }, amount) => {
  await withClients(async (keep) => {
    const clients: Client[] = []
    for (let count = 0; count < amount; count += 1) clients.push(keep(await join(dice.pick(nodes).url, dice)))
    for (const client of clients) {
      client.ws.pause()
      client.sendAll(Array.from({ length: QUESTIONS }, () => listUsers(client.name)))
    }
    // Half of them never read, and just go.
    for (const client of clients.filter((_, index) => index % 2 === 0)) client.break()
    for (const client of clients.filter((_, index) => index % 2 === 1)) {
      client.ws.resume()
      for (let answers = 0; answers < QUESTIONS; answers += 1) await client.next('list_users_response')
    }
  })
  return amount * QUESTIONS
}

/** A byte at a time, the handshake too: the server has done something else for others between any two of them. */
export const slowWriters: Attack = (ground, amount) =>
  withClients(async (keep) => {
    const { server, url } = ground.dice.pick(ground.nodes)
    const pulse = keep(await join(url, ground.dice))
    const writers = await Promise.all(Array.from({ length: amount }, () => Writer.open(server.port, ground)))
    for (let left = writers; left.length > 0; left = left.filter((writer) => writer.writeOne()))
      await pulse.settle()
    for (const writer of writers) await writer.check()
    return writers.reduce((sum, { written }) => sum + written, 0)
  })

class Writer {
  readonly #raw: Raw
  readonly #name: string
  readonly #bytes: Buffer
  /** Some stop in the middle of something. */
  readonly #stops: boolean
  written = 0

  static async open(port: number, { dice }: Ground): Promise<Writer> {
    const name = newName(dice)
    const frames = [register(name), broadcast(name, 'despacio')].map((frame) =>
      textFrame(JSON.stringify(frame)),
    )
    const bytes = Buffer.concat([Buffer.from(requestOf(UPGRADE)), ...frames])
    const stops = dice.happens(0.3)
    const raw = await Raw.open(port)
    return new Writer(raw, name, stops ? bytes.subarray(0, dice.below(bytes.length)) : bytes, stops)
  }

  private constructor(raw: Raw, name: string, bytes: Buffer, stops: boolean) {
    this.#raw = raw
    this.#name = name
    this.#bytes = bytes
    this.#stops = stops
  }

  /** Writes the next byte; false when there is none. */
  writeOne(): boolean {
    if (this.written === this.#bytes.length) return false
    this.#raw.socket.write(this.#bytes.subarray(this.written, this.written + 1))
    this.written += 1
    return true
  }

  /** What it said was heard. */
  async check(): Promise<void> {
    if (!this.#stops) {
      await this.#raw.has('"type":"register_success"')
      await this.#raw.has(`{"type":"broadcast","sender":"${this.#name}","content":"despacio"`)
    }
    this.#raw.socket.destroy()
  }
}
