/** Clients that ask for the extensions (protocol, part 2), and remember where they stand. */
import { Client, type ClientOptions, type Frame, fieldsOf } from '../conformance/client.js'

/** A frame with all its fields, in the order in which they came. */
export type Fields = ReturnType<typeof fieldsOf>

/** What takes a session up again. */
export interface ResumePoint {
  readonly session: string
  readonly position: string
  readonly seq: number
}

/** Where clients connect. */
export interface Place {
  /** ws://127.0.0.1:PORT/chat */
  readonly url: string
}

/** Frames that come from the room's log: a client remembers the position of the last of them. */
const FROM_LOG: ReadonlySet<string> = new Set([
  'broadcast',
  'status_update',
  'user_connected',
  'user_disconnected',
])

/** An extended session, and the client that has it. */
export class Extended {
  readonly name: string
  readonly client: Client
  /** What `register` was answered. */
  readonly welcome: Fields
  readonly #standing: Standing

  private constructor(name: string, client: Client, welcome: Fields, standing: Standing) {
    this.name = name
    this.client = client
    this.welcome = welcome
    this.#standing = standing
  }

  /** Connects and registers, with an object as `content`; rejects where that is refused. */
  static async enter(
    { url }: Place,
    name: string,
    content: object = {},
    options: ClientOptions = {},
  ): Promise<Extended> {
    const standing = new Standing()
    const { keep = () => true } = options
    const client = await Client.open(url, {
      ...options,
      keep: (frame) => {
        standing.hear(frame)
        return keep(frame)
      },
    })
    const { raw } = await client.register(name, content)
    return new Extended(name, client, fieldsOf(raw), standing)
  }

  /** Takes the session up on another connection, from where this client stands. What the old one still brings is not heard. */
  resume(place: Place, content: object = {}, options: ClientOptions = {}): Promise<Extended> {
    this.#standing.leave()
    return Extended.enter(place, this.name, { ...content, resume: this.point }, options)
  }

  get point(): ResumePoint {
    return this.#standing.point
  }

  /** Private messages and frames from the log, as they came, without what only answers. */
  get heard(): readonly Fields[] {
    return this.#standing.heard
  }

  /** Sends frames in its own name, in one go. */
  send(...frames: readonly object[]): void {
    this.client.sendAll(frames.map((frame) => ({ sender: this.name, ...frame })))
  }

  say(content: string, ref?: string): void {
    this.send({ type: 'broadcast', content, ...(ref !== undefined && { ref }) })
  }

  tell(target: string, content: string, ref?: string): void {
    this.send({ type: 'private', target, content, ...(ref !== undefined && { ref }) })
  }

  /** The next frame; of a type, or one of several, when it is given. */
  async next(type?: string | readonly string[], withinMs?: number): Promise<Fields> {
    return fieldsOf((await this.client.next(type, withinMs)).raw)
  }

  /** Everything that comes before the answer to a question. */
  async settle(): Promise<Fields[]> {
    return (await this.client.settle()).map(({ raw }) => fieldsOf(raw))
  }

  /** Ends the connection without a word. */
  break(): void {
    this.client.break()
  }
}

/** Up to where a client has heard. */
class Standing {
  readonly heard: Fields[] = []
  #left = false
  #session = ''
  #position = ''
  #seq = 0

  get point(): ResumePoint {
    return { session: this.#session, position: this.#position, seq: this.#seq }
  }

  /** From now on nothing is heard. */
  leave(): void {
    this.#left = true
  }

  hear({ type, raw }: Frame): void {
    if (this.#left) return
    const fields = fieldsOf(raw)
    const { session, position, seq } = fields
    if (type === 'register_success') {
      this.#session = String(session)
      this.#position = String(position)
      this.#seq = Number(seq)
    } else if (type === 'private') {
      this.#seq = Number(seq)
      this.heard.push(fields)
    } else if (FROM_LOG.has(type)) {
      // What answers a change that is none is no news of the room, and has no position.
      if (position !== undefined) this.#position = String(position)
      this.heard.push(fields)
    }
  }
}

/** What a `register` is answered, whatever that is, on a connection of its own. */
export async function answerTo({ url }: Place, name: string, content: unknown): Promise<Fields> {
  const client = await Client.open(url)
  client.send({ type: 'register', sender: name, content })
  const { raw } = await client.next()
  await client.close()
  return fieldsOf(raw)
}

/** A text frame without the time, for comparing. */
export function masked(raw: string): string {
  return raw.replace(/"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/g, '"timestamp":"…"')
}
