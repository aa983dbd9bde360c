/** Those who do not read, and those who hardly write. */
import { setTimeout as sleep } from 'node:timers/promises'
import { MAX_NAME_CHARS } from '../../../src/protocol/names.js'
import { Client } from '../../conformance/client.js'
import { broadcast, listUsers, register } from '../../conformance/frames.js'
import type { Dice } from '../../support/dice.js'
import type { Attack, Ground } from '../ground.js'
import { OPCODES, Raw, requestOf, UPGRADE, wireFrame } from '../raw.js'
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

/** As many bytes as a name can have. */
function longName(dice: Dice): string {
  const name = newName(dice)
  return name + '😀'.repeat(MAX_NAME_CHARS - name.length)
}

/** How often somebody asks who never reads an answer. */
const QUESTIONS = 2000

/** Whoever asks and does not read gets no more answers, until it reads: then all of them, in order. */
export const deafAskers: Attack = async ({ nodes, dice }, amount) => {
  await withClients(async (keep) => {
    const clients: Client[] = []
    // Long names make long lists: what the system keeps for a connection is soon full.
    for (let count = 0; count < amount; count += 1)
      clients.push(keep(await Client.join(dice.pick(nodes).url, longName(dice))))
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
    const { port, url } = ground.dice.pick(ground.nodes)
    const pulse = keep(await join(url, ground.dice))
    const writers = await Promise.all(Array.from({ length: amount }, () => Writer.open(port, ground)))
    for (let left = writers; left.length > 0; left = left.filter((writer) => writer.writeOne()))
      await pulse.settle()
    for (const writer of writers) await writer.check()
    return writers.reduce((sum, { written }) => sum + written, 0)
  })

const HANDSHAKE = Buffer.from(requestOf(UPGRADE))

/** What somebody writes who comes in and says something. */
function spoken(name: string, dice: Dice): [entry: Buffer, message: Buffer] {
  const written = (frame: object) => wireFrame(OPCODES.text, Buffer.from(JSON.stringify(frame)), dice)
  return [written(register(name)), written(broadcast(name, 'despacio'))]
}

class Writer {
  readonly #raw: Raw
  readonly #name: string
  readonly #bytes: Buffer
  /** Some stop in the middle of something. */
  readonly #stops: boolean
  written = 0

  static async open(port: number, { dice }: Ground): Promise<Writer> {
    const name = newName(dice)
    const bytes = Buffer.concat([HANDSHAKE, ...spoken(name, dice)])
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

/** So many bytes are written a byte a second: that takes longer than the server waits for the head of a request. */
const LAST_BYTES = 12

/** A byte a second, in the middle of a request, a registration or a message. */
export const tricklers: Attack = async ({ nodes, dice }, amount) => {
  const trickle = async (index: number) => {
    const name = newName(dice)
    const [entry, message] = spoken(name, dice)
    const raw = await Raw.open(dice.pick(nodes).port)
    const place = index % 3
    if (place === 0) await isEnded(raw)
    else if (place === 1) await isHeard(raw, [HANDSHAKE, entry], '"type":"register_success"')
    else await isHeard(raw, [HANDSHAKE, entry, message], `"sender":"${name}","content":"despacio"`)
    raw.socket.destroy()
  }
  await Promise.all(Array.from({ length: amount }, (_, index) => trickle(index)))
  return amount * LAST_BYTES
}

/** Whoever does not get as far as a whole request is not waited for. */
async function isEnded(raw: Raw): Promise<void> {
  await trickleTo(raw, HANDSHAKE.subarray(0, -1))
  await raw.ended()
  if (raw.received.startsWith('HTTP/1.1 408 ')) return
  throw new Error(`who has no whole request was answered ${raw.received}`)
}

/** Whoever is in has all the time in the world. */
async function isHeard(raw: Raw, parts: readonly Buffer[], answer: string): Promise<void> {
  await trickleTo(raw, Buffer.concat(parts))
  await raw.has(answer)
}

async function trickleTo({ socket }: Raw, bytes: Buffer): Promise<void> {
  socket.write(bytes.subarray(0, -LAST_BYTES))
  for (const byte of bytes.subarray(-LAST_BYTES)) {
    await sleep(1000)
    socket.write(Buffer.of(byte))
  }
}
