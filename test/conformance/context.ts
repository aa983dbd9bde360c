import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Target, TimerName } from './case.js'
import { Client, type ClientOptions, DEADLINE_MS, type Frame, isStrings } from './client.js'
import { listUsers } from './frames.js'
import { Transcript } from './transcript.js'

const MARK_CHARS = 8

/** What a case works with: names that nobody else has, connections that end with the case, and the evidence. */
export class Context {
  readonly target: Target
  /** Eight ASCII letters and digits that stand in every name of this case. */
  readonly mark = randomMark()
  readonly transcript = new Transcript()
  #clients: Client[] = []

  constructor(target: Target) {
    this.target = target
  }

  /** A name for this case alone. Its last {@link MARK_CHARS} characters are ASCII letters and digits. */
  name(label: string): string {
    return `${label}-${this.mark}`
  }

  /** A name for this case alone of exactly `length` code points, made of one character. */
  nameOfLength(length: number, char: string): string {
    return char.repeat(length - MARK_CHARS) + this.mark
  }

  /** Whether a name belongs to this case. */
  isOwn(name: string): boolean {
    return name.toLowerCase().includes(this.mark)
  }

  /** Connects without registering. Frames about strangers are left out of what the client keeps. */
  async open(options: ClientOptions & { label?: string } = {}): Promise<Client> {
    const { label = `connection ${this.#clients.length + 1}`, ...others } = options
    const { urls } = this.target
    const url = urls[this.#clients.length % urls.length] ?? urls[0]
    const client = await Client.open(url, {
      keep: (frame) => this.#concerns(frame),
      trace: (direction, what) => this.transcript.note(label, direction, what),
      ...others,
    })
    this.#clients.push(client)
    return client
  }

  /** Connects and registers as `name(label)`. */
  async join(label: string, options: ClientOptions = {}): Promise<Client> {
    const client = await this.open({ ...options, label })
    await client.register(this.name(label))
    return client
  }

  /** Two who are registered and in each other's list. */
  async pair(): Promise<[Client, Client]> {
    const ana = await this.join('Ana')
    const beto = await this.join('Beto')
    await this.together(ana, beto)
    return [ana, beto]
  }

  /** Three who are registered and in each other's list. */
  async trio(): Promise<[Client, Client, Client]> {
    const [ana, beto] = await this.pair()
    const carla = await this.join('Carla')
    await this.together(ana, beto, carla)
    return [ana, beto, carla]
  }

  /** Waits until each of them sees the others: on other nodes of a cluster a join may show a little later. */
  async together(...clients: Client[]): Promise<void> {
    for (const client of clients) {
      const names = clients.filter((other) => other !== client).map((other) => other.name)
      const give = Date.now() + DEADLINE_MS
      for (;;) {
        const list = await this.list(client)
        const missing = names.filter((name) => !list.includes(name))
        if (missing.length === 0) break
        if (Date.now() > give)
          throw new Error(`${missing.join(', ')} never came into the list of ${client.name}`)
        await sleep(10)
      }
    }
  }

  /** Asks for the list of users and returns the names of this case in it; skips what comes before the answer. */
  async list(client: Client): Promise<string[]> {
    client.send(listUsers(client.name))
    const { content, raw } = await client.next('list_users_response')
    if (!isStrings(content)) throw new Error(`"content" must be an array of names, came ${raw}`)
    return this.own(content)
  }

  /** The names of this case among others. */
  own(names: readonly string[] = []): string[] {
    return names.filter((name) => this.isOwn(name))
  }

  /** Whether the server has taken a connection of this case. */
  get connected(): boolean {
    return this.#clients.length > 0
  }

  /** The length of a timer that the case needs, in milliseconds. */
  timer(name: TimerName): number {
    const length = this.target.timers[name]
    if (length === undefined) throw new Error(`the case must say that it needs "${name}"`)
    return length
  }

  /** Ends all connections of the case. */
  async end(): Promise<void> {
    for (const client of this.#clients) client.break()
    await Promise.all(this.#clients.map((client) => client.closed()))
  }

  #concerns({ type, sender = '', content }: Frame): boolean {
    if (type === 'broadcast') return this.isOwn(sender)
    if (type === 'user_disconnected' && typeof content === 'string') return this.isOwn(content)
    if (type === 'status_update') {
      const user = userOf(content)
      return user === undefined || this.isOwn(user)
    }
    return true
  }
}

/** Whom a `status_update` is about, by its `content`. */
export function userOf(content: unknown): string | undefined {
  if (typeof content !== 'object' || content === null || !('user' in content)) return undefined
  return typeof content.user === 'string' ? content.user : undefined
}

function randomMark(): string {
  const digits = Array.from({ length: MARK_CHARS - 1 }, () => randomInt(36).toString(36))
  return `x${digits.join('')}`
}
