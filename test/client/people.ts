import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { Client } from '../../src/client/index.js'
import type { ClientOptions, Events } from '../../src/client/types.js'

type Heard = { readonly [E in keyof Events]: Events[E][] }

/** A client for tests: impatient, and with everything that it was told. */
export class Person {
  readonly client: Client
  readonly heard: Heard = {
    state: [],
    online: [],
    message: [],
    private: [],
    joined: [],
    left: [],
    status: [],
    lost: [],
    error: [],
  }

  constructor(url: string, name: string, options: Partial<ClientOptions> = {}) {
    this.client = new Client(url, { WebSocket, backoffBaseMs: 5, backoffCapMs: 40, ...options, name })
    const keep = <E extends keyof Events>(event: E) =>
      this.client.on(event, (value) => this.heard[event].push(value))
    keep('state')
    keep('online')
    keep('message')
    keep('private')
    keep('joined')
    keep('left')
    keep('status')
    keep('lost')
    keep('error')
  }

  /** Connects one that leaves with the test. */
  static async enter(
    t: Test,
    url: string,
    name: string,
    options: Partial<ClientOptions> = {},
  ): Promise<Person> {
    const person = new Person(url, name, options)
    t.teardown(() => person.client.close())
    await person.client.connect()
    return person
  }

  /** What was said, by anyone. */
  get said(): string[] {
    return this.heard.message.map(({ content }) => content)
  }

  get whispered(): string[] {
    return this.heard.private.map(({ content }) => content)
  }

  get states(): string[] {
    return this.heard.state.map(({ state }) => state)
  }
}
