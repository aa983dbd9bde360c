import { once } from 'node:events'
import { Client, type Frame } from '../../conformance/client.js'
import { until } from '../until.js'
import type { Account, Message } from './account.js'
import type { Ledger } from './ledger.js'

/** A server that clients connect to. */
export interface Place {
  /** What it is called in the ledger. */
  readonly label: string
  /** ws://HOST:PORT/chat */
  readonly url: string
}

/** What the client itself waits for; all the rest goes into the books only. */
const ANSWERS: ReadonlySet<string> = new Set(['register_success', 'error', 'list_users_response'])

/** When a client asks whether there is still something to wait for. */
const IMPATIENCE_MS = 10_000

/** How long anything may take that has to come: Redis may be away meanwhile. */
const PATIENCE_MS = 30_000

/** A client whose doings are kept in a ledger. */
export class Participant {
  readonly account: Account
  readonly client: Client
  readonly #ledger: Ledger

  private constructor(ledger: Ledger, account: Account, client: Client) {
    this.#ledger = ledger
    this.account = account
    this.client = client
    client.ws.on('close', (code) => account.end(code))
  }

  /**
   * Connects and registers.
   * @throws when it cannot connect, or its name is refused
   */
  static async join(ledger: Ledger, place: Place, name: string): Promise<Participant> {
    const participant = await Participant.try(ledger, place, name)
    const { rejection } = participant.account
    if (rejection !== undefined) throw new Error(`${participant.account} was refused: ${rejection}`)
    return participant
  }

  /** Lets so many join on each place, in turn, one after the other: their order is known. Names begin with that of the place. */
  static async crowd(ledger: Ledger, places: readonly Place[], perPlace: number): Promise<Participant[]> {
    const crowd: Participant[] = []
    for (let round = 1; round <= perPlace; round += 1) {
      for (const place of places) crowd.push(await Participant.join(ledger, place, `${place.label} ${round}`))
    }
    return crowd
  }

  /** Connects and tries to register; `account.rejection` says why that failed. The connection stays. */
  static async try(ledger: Ledger, { label, url }: Place, name: string): Promise<Participant> {
    const books: { account?: Account } = {}
    const keep = (frame: Frame) => {
      if (books.account) ledger.hear(books.account, frame)
      return ANSWERS.has(frame.type)
    }
    const client = await Client.open(url, { keep })
    const account = ledger.open(name, label)
    books.account = account
    const participant = new Participant(ledger, account, client)
    client.name = name
    client.send({ type: 'register', sender: name, content: null })
    await client.next(['register_success', 'error'], PATIENCE_MS)
    return participant
  }

  get name(): string {
    return this.account.name
  }

  /** Broadcasts a text that nobody else does. */
  say(padding = ''): Message {
    const message = this.account.send('broadcast', this.#ledger.content(`${this.name} says${padding}`))
    this.client.send({ type: 'broadcast', sender: this.name, content: message.content })
    return message
  }

  /** Sends a private message; it has no receipt, see {@link settle}. */
  tell({ account: to }: Participant): Message {
    const message = this.account.send('private', this.#ledger.content(`${this.name} tells ${to.name}`), to)
    this.client.send({ type: 'private', sender: this.name, target: to.name, content: message.content })
    return message
  }

  changeStatus(status: string): Message {
    const message = this.account.send('status', status)
    this.client.send({ type: 'change_status', sender: this.name, content: status })
    return message
  }

  /** Says something and waits for what becomes of it: it stays `open` if the connection ends before. */
  async utter(): Promise<Message> {
    const message = this.say()
    const known = () => message.outcome !== 'open' || !this.account.present
    // Where a log was lost, a receipt may be lost with it: the answer to a question shows that nothing more will come.
    await until(`what became of "${message.content}"`, known, IMPATIENCE_MS).catch(() => this.settle())
    return message
  }

  /** Resolves when everything that it has sent has had its effect, with the list of users that it sees then. */
  async settle(): Promise<string[]> {
    this.account.ask()
    this.client.send({ type: 'list_users', sender: this.name })
    const { content } = await this.client.next('list_users_response', PATIENCE_MS)
    return Array.isArray(content) ? content.map(String) : []
  }

  /** Resolves when the server has read everything that was sent until now. */
  async read(): Promise<void> {
    const { ws } = this.client
    const pong = once(ws, 'pong')
    ws.ping()
    await pong
  }

  /** Takes its leave. */
  async leave(): Promise<void> {
    this.account.end()
    this.client.send({ type: 'disconnect', sender: this.name })
    await this.client.closed(PATIENCE_MS)
  }

  /** Ends the connection without a word. */
  break(): void {
    this.account.end()
    this.client.break()
  }

  /** The close code, once the connection has ended. */
  async closed(): Promise<number> {
    return (await this.client.closed(PATIENCE_MS)).code
  }
}
