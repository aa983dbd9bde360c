import { on, once } from 'node:events'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { keyOf } from '../../src/protocol/names.js'
import { startApp } from '../support/app.js'
import { until } from '../support/until.js'
import { fences, read } from './markdown.js'

t.setTimeout(30_000)

/** One line of a transcript: who, whether it is sent or received or the connection is cut, and the frame. */
const LINE = /^(\w+) +([<>x]) ?(.*)$/

/** The transcripts of the document, each as its lines. */
const transcripts = fences(read('docs/protocol.md'), 'text').map((block) =>
  block.split('\n').filter((line) => line !== ''),
)

/** A frame without the one thing in it that is different each time. */
function withoutStamp(json: string): string {
  return json.replace(/"timestamp":"[^"]+"/, '"timestamp":"…"')
}

/** What the document made up, and what the server did in its place: an epoch, and the secret of a session. */
class Invented {
  readonly #real = new Map<string, string>()

  /** Learns from a frame that the document has like this, and the server like that. */
  learn(documented: string, real: string): void {
    for (const pattern of [/"position":"(\w+)-/, /"session":"([\w-]+)"/]) {
      const [, inDocument] = pattern.exec(documented) ?? []
      const [, inReality] = pattern.exec(real) ?? []
      if (inDocument === undefined || inReality === undefined || this.#real.has(inDocument)) continue
      this.#real.set(inDocument, inReality)
    }
  }

  /** What the document has, as the server would have it. */
  replace(documented: string): string {
    return [...this.#real].reduce(
      (json, [inDocument, inReality]) => json.replaceAll(inDocument, inReality),
      documented,
    )
  }
}

/** A connection, with all that arrives on it in order. */
class Client {
  readonly #socket: WebSocket
  readonly #messages: AsyncIterator<unknown>
  readonly closed: Promise<unknown>

  constructor(t: Test, url: string) {
    this.#socket = new WebSocket(url)
    this.#messages = on(this.#socket, 'message', { close: ['close'] })
    this.closed = once(this.#socket, 'close').then(([code]: unknown[]) => code)
    t.teardown(() => this.#socket.terminate())
  }

  async open(): Promise<this> {
    await once(this.#socket, 'open')
    return this
  }

  /** Cuts the connection, without a word to the server. */
  cut(): void {
    this.#socket.terminate()
  }

  send(json: string): void {
    this.#socket.send(json)
  }

  /** The next frame; nothing once the connection has been closed. */
  async next(): Promise<string> {
    const { value }: { value?: unknown } = await this.#messages.next()
    return Array.isArray(value) ? withoutStamp(String(value[0])) : ''
  }
}

/** Plays a transcript against a server of its own. */
async function play(t: Test, lines: readonly string[]): Promise<Map<string, Client>> {
  const { url, node } = await startApp(t)
  const clients = new Map<string, Client>()
  const invented = new Invented()
  for (const line of lines) {
    const [, name = '', direction, json = ''] = LINE.exec(line) ?? []
    const client = clients.get(name) ?? (await new Client(t, url).open())
    clients.set(name, client)
    if (direction === '>') {
      client.send(invented.replace(json))
    } else if (direction === 'x') {
      client.cut()
      clients.delete(name)
      await until(`${name} is held`, () => node.directory.get(keyOf(name))?.held === true)
    } else {
      const real = await client.next()
      invented.learn(json, real)
      t.equal(real, withoutStamp(invented.replace(json)), line.slice(0, 60))
    }
  }
  return clients
}

const [first = [], resumed = []] = transcripts

t.test('the first session of the document is what happens', async (t) => {
  const clients = await play(t, first)
  t.equal(await clients.get('Beto')?.closed, 1000, 'the leaver is closed')
  t.equal(await clients.get('Beto')?.next(), '', 'and has got nothing else')
})

t.test('the session of the document that breaks off is what happens', async (t) => {
  const clients = await play(t, resumed)
  t.equal(await clients.get('Ana')?.closed, 1000, 'the leaver is closed')
  t.equal(await clients.get('Ana')?.next(), '', 'and has got nothing else')
})

t.equal(transcripts.length, 2, 'no transcript is left out')
