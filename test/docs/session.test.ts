import { on, once } from 'node:events'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { startApp } from '../support/app.js'
import { fences, read } from './markdown.js'

t.setTimeout(30_000)

/** One line of the transcript: who, whether it is sent or received, and the frame. */
const LINE = /^(\w+) +([<>]) (.*)$/

const lines = fences(read('docs/protocol.md'), 'text')
  .flatMap((block) => block.split('\n'))
  .filter((line) => line !== '')

/** A frame without the one thing in it that is different each time. */
function withoutStamp(json: string): string {
  return json.replace(/"timestamp":"[^"]+"/, '"timestamp":"…"')
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

  send(json: string): void {
    this.#socket.send(json)
  }

  /** The next frame; nothing once the connection has been closed. */
  async next(): Promise<string> {
    const { value }: { value?: unknown } = await this.#messages.next()
    return Array.isArray(value) ? withoutStamp(String(value[0])) : ''
  }
}

t.test('the first session of the document is what happens', async (t) => {
  const { url } = await startApp(t)
  const clients = new Map<string, Client>()
  for (const line of lines) {
    const [, name = '', direction, json = ''] = LINE.exec(line) ?? []
    const client = clients.get(name) ?? (await new Client(t, url).open())
    clients.set(name, client)
    if (direction === '>') client.send(json)
    else t.equal(await client.next(), withoutStamp(json), line.slice(0, 60))
  }
  t.equal(await clients.get('Beto')?.closed, 1000, 'the leaver is closed')
  t.equal(await clients.get('Beto')?.next(), '', 'and has got nothing else')
})
