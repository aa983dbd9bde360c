import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { ChatError, Client } from '../../src/client/index.js'
import type { Dice } from '../support/dice.js'
import type { Fate, Saying, Sights } from './books.js'

/** One of the crowd: talks by means of the client library, and keeps what it sees. */
export class Talker implements Sights {
  readonly name: string
  readonly messages: string[] = []
  readonly privates: string[] = []
  readonly losses: string[] = []
  /** Why something was refused, and how often. */
  readonly refusals = new Map<string, number>()
  /** How often it came back. */
  returns = 0
  readonly #client: Client
  readonly #sayings: Saying[]
  #number = 0
  #pending = 0

  /** @param sayings where all of the crowd write down what they say, in the order in which they send it */
  constructor(url: string, name: string, sayings: Saying[], random: () => number) {
    this.name = name
    this.#sayings = sayings
    this.#client = new Client(url, {
      name,
      WebSocket,
      random,
      connectTimeoutMs: 60_000,
      sendTimeoutMs: 600_000,
      backoffCapMs: 2000,
    })
    this.#client.on('message', ({ content }) => this.messages.push(content))
    this.#client.on('private', ({ content }) => this.privates.push(content))
    this.#client.on('lost', ({ reason }) => this.losses.push(reason))
    this.#client.on('online', ({ resumed }) => {
      if (resumed) this.returns += 1
    })
  }

  get online(): boolean {
    return this.#client.state === 'online'
  }

  /** What it has sent that has no answer yet. */
  get pending(): number {
    return this.#pending
  }

  async enter(): Promise<void> {
    await this.#client.connect()
  }

  /** Says something, most of the time to all; resolves when it is known what became of it. */
  say(dice: Dice, crowd: readonly Talker[]): Promise<void> {
    this.#number += 1
    const to = dice.happens(0.3) ? dice.pick(crowd).name : undefined
    return this.#send(`${this.name} ${this.#number}${to === undefined ? '' : ` to ${to}`}`, to)
  }

  /** Says this to all. */
  announce(text: string): Promise<void> {
    return this.#send(text, undefined)
  }

  async #send(text: string, to: string | undefined): Promise<void> {
    const index = this.#sayings.length
    const record = (fate: Fate) => {
      this.#sayings[index] = { from: this.name, to, text, fate }
    }
    record('undecided')
    this.#pending += 1
    try {
      await (to === undefined ? this.#client.send(text) : this.#client.sendTo(to, text))
      record('acknowledged')
    } catch (error) {
      const code = error instanceof ChatError ? error.code : String(error)
      if (code !== 'UNDECIDED') this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1)
      record(code === 'UNDECIDED' ? 'undecided' : 'refused')
    } finally {
      this.#pending -= 1
    }
  }

  /** Talks until it is told to stop: waits for nothing but its own pauses, so that much is under way at once. */
  async talk(dice: Dice, crowd: readonly Talker[], pauseMs: number, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      if (this.#pending < 32) void this.say(dice, crowd)
      await sleep(pauseMs * (0.5 + dice.roll()), undefined, { signal: stop }).catch(() => {})
    }
  }

  async leave(): Promise<void> {
    await this.#client.close()
  }
}
