/** Part 2, 3: no hole between what is replayed and what is live, and nothing twice. */
import t, { type Test } from 'tap'
import { Client } from '../../conformance/client.js'
import type { RunningApp } from '../../support/app.js'
import { Dice } from '../../support/dice.js'
import { Extended, type Fields } from '../../support/extended.js'
import { type OpenPair, onEveryBackplane, type Pair } from '../../support/pairs.js'
import { until } from '../../support/until.js'

const SEEDS = [1, 2, 3]

/** How often each listener breaks off. */
const RESUMES = 25

const FAST = { RATE_PER_SECOND: '0' }

/** Somebody who breaks off now and then, and what he has heard on all his connections. */
class Listener {
  readonly name: string
  readonly #pair: Pair
  readonly #dice: Dice
  #extended: Extended
  #heard: Fields[] = []
  /** Of each resume whether it succeeded. */
  readonly resumed: unknown[] = []

  static async enter(pair: Pair, dice: Dice, name: string): Promise<Listener> {
    return new Listener(pair, dice, await Extended.enter(dice.pick([pair.one, pair.two]), name))
  }

  private constructor(pair: Pair, dice: Dice, extended: Extended) {
    this.#pair = pair
    this.#dice = dice
    this.#extended = extended
    this.name = extended.name
  }

  get heard(): Fields[] {
    return [...this.#heard, ...this.#extended.heard]
  }

  get position(): string {
    return this.#extended.point.position
  }

  /** Listens for a while, and goes on with another connection: the old one breaks before, or hangs. */
  async goOn(): Promise<void> {
    const dice = this.#dice
    const enough = this.#extended.heard.length + dice.below(dice.pick([1, 5, 60]))
    await until('more', () => this.#extended.heard.length >= enough, 30_000)
    const old = this.#extended
    const hangs = dice.happens(0.3)
    if (!hangs) old.break()
    if (!hangs && dice.happens(0.5)) await until('its end', () => old.client.ended)
    const next = old.resume(dice.pick([this.#pair.one, this.#pair.two]))
    this.#heard = this.heard
    this.#extended = await next
    this.resumed.push(this.#extended.welcome.resumed)
  }
}

/** Somebody who talks without a pause, to all and to each. */
class Talker {
  readonly #client: Client
  readonly #dice: Dice
  readonly #targets: readonly string[]
  readonly #stop = new AbortController()
  readonly #done: Promise<void>
  #count = 0
  /** What was said to each. */
  readonly told = new Map<string, string[]>()
  readonly said: string[] = []
  readonly refused: string[] = []

  static async enter(app: RunningApp, dice: Dice, name: string, targets: readonly string[]): Promise<Talker> {
    return new Talker(await Client.join(app.url, name), dice, targets)
  }

  private constructor(client: Client, dice: Dice, targets: readonly string[]) {
    this.#client = client
    this.#dice = dice
    this.#targets = targets
    for (const target of targets) this.told.set(target, [])
    this.#done = this.#talk()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#done
  }

  async #talk(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#client.sendAll(Array.from({ length: 1 + this.#dice.below(20) }, () => this.#frame()))
      for (const { type, raw } of await this.#client.settle()) if (type === 'error') this.refused.push(raw)
    }
  }

  #frame(): object {
    const sender = this.#client.name
    this.#count += 1
    const content = `${sender} ${this.#count}`
    if (this.#dice.happens(0.6)) {
      this.said.push(content)
      return { type: 'broadcast', sender, content }
    }
    const target = this.#dice.pick(this.#targets)
    this.told.get(target)?.push(content)
    return { type: 'private', sender, target, content }
  }
}

/** What is to be compared of a long text. */
const short = (content: unknown): string => String(content).split(' x')[0] ?? ''

/** What one sender's part is of what somebody has heard. */
const from = (sender: string, frames: readonly Fields[]) =>
  frames.filter((frame) => frame.sender === sender).map(({ content }) => content)

async function replay(t: Test, open: OpenPair): Promise<void> {
  for (const seed of SEEDS) {
    await t.test(`all is heard once and in order, whenever one breaks off: seed ${seed}`, async (t) => {
      const pair = await open(t, FAST)
      const dice = new Dice(seed)
      const witness = await Extended.enter(pair.one, 'Witness')
      const listeners: Listener[] = []
      for (const name of ['Ana', 'Beto', 'Carla']) listeners.push(await Listener.enter(pair, dice, name))
      await until('all are seen', () => [pair.one, pair.two].every(({ node }) => node.directory.size === 4))
      const names = listeners.map(({ name }) => name)
      const talkers = [
        await Talker.enter(pair.one, dice, 'Talker 1', names),
        await Talker.enter(pair.two, dice, 'Talker 2', names),
      ]
      await Promise.all(
        listeners.map(async (listener) => {
          for (let count = 0; count < RESUMES; count += 1) await listener.goOn()
        }),
      )
      for (const talker of talkers) await talker.stop()
      const said = talkers.reduce((sum, talker) => sum + talker.said.length, 0)
      const broadcasts = (frames: readonly Fields[]) => frames.filter(({ type }) => type === 'broadcast')
      await until('the witness has heard all', () => broadcasts(witness.heard).length === said, 30_000)
      const publicly = broadcasts(witness.heard)
      const end = publicly.at(-1)?.position
      for (const [index, talker] of talkers.entries())
        t.same(from(`Talker ${index + 1}`, publicly), talker.said, 'the witness hears all')
      t.ok(said > 100)
      for (const listener of listeners) {
        const { name } = listener
        await until(`${name} is up to date`, () => listener.position === end, 30_000)
        t.same(listener.resumed, Array(RESUMES).fill(true), `${name} is taken up each time`)
        t.same(broadcasts(listener.heard), publicly, `${name} hears what all hear`)
        const messages = () => listener.heard.filter(({ type }) => type === 'private')
        const wanted = talkers.flatMap(({ told }) => told.get(name) ?? []).length
        await until(`${name} has all messages`, () => messages().length >= wanted, 30_000)
        t.same(
          messages().map(({ seq }) => seq),
          Array.from({ length: wanted }, (_, index) => index + 1),
          `each message to ${name} once`,
        )
        for (const [index, { told }] of talkers.entries())
          t.same(from(`Talker ${index + 1}`, messages()), told.get(name), 'in the order of who sends them')
      }
      t.same(
        talkers.flatMap(({ refused }) => refused),
        [],
      )
      t.notOk(witness.heard.some(({ type }) => type === 'user_disconnected'))
    })
  }

  /** Somebody who is held while more is said than his outbox may hold. */
  async function behind(t: Test, megabytes: number) {
    const pair = await open(t, { ...FAST, OUTBOX_MAX_BYTES: '65536' })
    const ana = await Extended.enter(pair.one, 'Ana')
    const beto = await Extended.enter(pair.two, 'Beto')
    await ana.next('user_connected')
    ana.break()
    const held = ({ node }: RunningApp) => [...node.directory.users()].some((user) => user.held === true)
    await until('she is held', () => held(pair.one) && held(pair.two))
    const many = megabytes * 250
    const text = 'x'.repeat(4000)
    for (let count = 0; count < many; count += 50) {
      for (let more = 0; more < 50; more += 1) beto.say(`${count + more} ${text}`)
      beto.tell('Ana', `after ${count + 49}`)
      await beto.settle()
    }
    const said = () => beto.heard.filter(({ type }) => type === 'broadcast')
    await until('all of it', () => said().length === many, 60_000)
    return { pair, ana, beto, said, messages: many / 50 }
  }

  await t.test('a replay that is larger than OUTBOX_MAX_BYTES passes', async (t) => {
    const { pair, ana, said, messages } = await behind(t, 6)
    const back = await ana.resume(pair.one)
    const all = said().length + messages
    await until('all of it', () => back.heard.length >= all || back.client.ended, 60_000)
    t.notOk(back.client.ended)
    const heard = back.heard.map(({ content }) => short(content))
    const order = said().flatMap(({ content }, index) =>
      index % 50 === 49 ? [short(content), `after ${index}`] : [short(content)],
    )
    t.same(heard, order, 'with the messages in their places')
    t.same(
      back.heard.filter(({ type }) => type === 'broadcast').map(({ position }) => position),
      said().map(({ position }) => position),
    )
  })

  await t.test('who reads slowly gets it as he reads, and nobody waits for him', async (t) => {
    const { pair, ana, beto, said, messages } = await behind(t, 8)
    const eva = await Client.join(pair.two.url, 'Eva')
    await beto.next('user_connected')
    const client = await Client.open(pair.one.url)
    client.name = 'Ana'
    client.socket.pause()
    client.send({ type: 'register', sender: 'Ana', content: { resume: ana.point } })
    const there = ({ node }: RunningApp) => [...node.directory.users()].every((user) => user.held !== true)
    await until('she is there', () => there(pair.one) && there(pair.two))
    for (let count = 0; count < 50; count += 1) {
      beto.say(`live ${count}`)
      for (let more = 0; more < 8; more += 1) beto.tell('Ana', `live message ${count} ${more}`)
      t.match(await eva.next('broadcast'), { content: `live ${count}` })
    }
    await beto.settle()
    client.socket.resume()
    const all = said().length + messages + 400
    await until('all of it', () => client.unread.length > all || client.ended, 60_000)
    t.notOk(client.ended, 'and he is not too slow')
    const heard = client.unread.map(({ type, content }) => (type === 'broadcast' ? short(content) : type))
    t.same(
      heard.filter((what) => what !== 'private' && what !== 'register_success' && what !== 'user_connected'),
      said().map(({ content }) => short(content)),
    )
    const seqs = client.unread
      .filter(({ type }) => type === 'private')
      .map(({ raw }) => /"seq":(\d+)/.exec(raw)?.[1])
    t.same(
      seqs,
      Array.from({ length: messages + 400 }, (_, index) => `${index + 1}`),
    )
  })

  await t.test('who goes in the middle of it can be taken up again, with what he had sent', async (t) => {
    const { pair, ana, beto, said } = await behind(t, 8)
    const client = await Client.open(pair.one.url)
    client.socket.pause()
    client.sendAll([
      { type: 'register', sender: 'Ana', content: { resume: ana.point } },
      { type: 'broadcast', sender: 'Ana', content: 'said behind it' },
    ])
    const held = () => [...pair.two.node.directory.users()].some((user) => user.held === true)
    await until('she is there', () => !held())
    client.break()
    await until('she is held', held)
    t.match(await beto.next('broadcast'), { content: 'said behind it' })
    const back = await ana.resume(pair.two)
    t.equal(back.welcome.resumed, true)
    await until('all of it', () => back.heard.at(-1)?.content === 'said behind it', 60_000)
    t.same(
      back.heard.filter(({ type }) => type === 'broadcast').map(({ position }) => position),
      said().map(({ position }) => position),
    )
  })
}

await onEveryBackplane(t, replay)
