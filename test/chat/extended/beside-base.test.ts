/** A client that knows only the source document sees nothing of the extensions, whatever others do with them. */
import t, { type Test } from 'tap'
import { Client } from '../../conformance/client.js'
import type { RunningApp } from '../../support/app.js'
import { Extended, masked } from '../../support/extended.js'
import { type OpenPair, onEveryBackplane, type Pair } from '../../support/pairs.js'
import { until } from '../../support/until.js'

/** Somebody beside them, who does the same in both runs. */
interface Companion {
  send(frame: object): void
  settle(): Promise<unknown>
  /** Breaks off, if he can come back. */
  breakOff(): Promise<void>
  comeBack(): Promise<void>
  /** Takes his leave, or is not seen again. */
  end(): Promise<void>
}

/** Who asks for no extensions, and stays connected. */
class Plain implements Companion {
  readonly #client: Client

  static async enter(app: RunningApp, name: string): Promise<Plain> {
    return new Plain(await Client.join(app.url, name))
  }

  private constructor(client: Client) {
    this.#client = client
  }

  send(frame: object): void {
    this.#client.send({ sender: this.#client.name, ...frame })
  }

  settle(): Promise<unknown> {
    return this.#client.settle()
  }

  async breakOff(): Promise<void> {}

  async comeBack(): Promise<void> {}

  async end(): Promise<void> {
    await this.#client.close()
  }
}

/** Who has them all, uses refs twice, and goes from node to node. */
class Fancy implements Companion {
  readonly #pair: Pair
  readonly #name: string
  #extended: Extended
  #refs = 0
  #resumes = 0

  static async enter(pair: Pair, app: RunningApp, name: string): Promise<Fancy> {
    const content = { history: 100, password: 'correct horse battery' }
    return new Fancy(pair, name, await Extended.enter(app, name, content))
  }

  private constructor(pair: Pair, name: string, extended: Extended) {
    this.#pair = pair
    this.#name = name
    this.#extended = extended
  }

  send(frame: object): void {
    this.#refs += 1
    const named = { ref: `r${this.#refs}`, ...frame }
    this.#extended.send({ type: 'history', content: { limit: 5 } }, named, named)
  }

  settle(): Promise<unknown> {
    return this.#extended.settle()
  }

  async breakOff(): Promise<void> {
    this.#extended.break()
    const held = ({ node }: RunningApp) =>
      [...node.directory.users()].some(({ name, held }) => name === this.#name && held === true)
    await until('he is held', () => held(this.#pair.one) && held(this.#pair.two))
  }

  async comeBack(): Promise<void> {
    this.#resumes += 1
    this.#extended = await this.#extended.resume(this.#resumes % 2 ? this.#pair.two : this.#pair.one)
    // And once more, while that connection is there.
    this.#extended = await this.#extended.resume(this.#pair.one)
    if (this.#extended.welcome.resumed !== true) throw new Error('he was not taken up again')
  }

  async end(): Promise<void> {
    await this.breakOff()
  }
}

async function besideBase(t: Test, open: OpenPair): Promise<void> {
  /** Everything that two base clients get while others do many things beside them. */
  async function transcript(
    t: Test,
    enter: (pair: Pair, app: RunningApp, name: string) => Promise<Companion>,
  ) {
    const pair = await open(t, { RESUME_GRACE_MS: '1500', BEAT_MS: '50', LEASE_MS: '3000' })
    const { one, two } = pair
    const came: { ana: string[]; beto: string[] } = { ana: [], beto: [] }
    const alike = () => one.node.directory.position.offset === two.node.directory.position.offset
    const join = async (app: RunningApp, name: string, notes: string[]) => {
      const trace = (direction: string, what: string | Uint8Array) => {
        if (direction !== '>') notes.push(masked(String(what)))
      }
      return Client.join(app.url, name, { trace })
    }
    const ana = await join(one, 'Ana', came.ana)
    await until('both nodes are alike', alike)
    const carla = await enter(pair, one, 'Carla')
    await until('both nodes are alike', alike)
    const dora = await enter(pair, two, 'Dora')
    await until('both nodes are alike', alike)
    const beto = await join(two, 'Beto', came.beto)
    /** Waits until everything is seen that somebody has done: who asks when is the same each time. */
    const settle = async (...who: readonly (Client | Companion)[]) => {
      for (const one of who) await one.settle()
      await until('both nodes are alike', alike)
      await ana.settle()
      await beto.settle()
    }
    const ask = (target: string) => {
      for (const client of [ana, beto]) client.send({ type: 'user_info', sender: client.name, target })
    }
    await settle()
    for (const companion of [carla, dora]) {
      companion.send({ type: 'broadcast', content: 'hola' })
      await settle(companion)
      companion.send({ type: 'change_status', content: 'OCUPADO' })
      await settle(companion)
      for (const [target, notes] of [
        ['Ana', came.ana],
        ['Beto', came.beto],
      ] as const) {
        const before = notes.length
        companion.send({ type: 'private', target, content: 'psst' })
        // It comes to another node on a way of its own.
        await until('it has come', () => notes.length > before)
        await settle(companion)
      }
      companion.send({ type: 'private', target: 'Nadie', content: 'psst' })
      companion.send({ type: 'broadcast', content: '' })
      companion.send({ type: 'unknown' })
      await settle(companion)
    }
    await carla.breakOff()
    await settle()
    for (const client of [ana, beto]) {
      client.send({ type: 'private', sender: client.name, target: 'Carla', content: 'are you there?' })
      client.send({ type: 'broadcast', sender: client.name, content: 'is she there?' })
      await settle(client)
    }
    ask('Carla')
    await settle()
    await carla.comeBack()
    await settle()
    carla.send({ type: 'broadcast', content: 'here I am' })
    await settle(carla)
    await dora.breakOff()
    await dora.comeBack()
    dora.send({ type: 'change_status', content: 'INACTIVO' })
    await settle(dora)
    ask('Dora')
    await settle()
    const late = await enter(pair, two, 'Eva')
    await until('both nodes are alike', alike)
    late.send({ type: 'disconnect' })
    await until('she has left', () => one.node.directory.size === 4 && alike())
    await settle()
    // What only extended sessions understand.
    for (const client of [ana, beto]) {
      client.send({ type: 'history', sender: client.name, content: { limit: 5 }, ref: 'r' })
      client.send({ type: 'broadcast', sender: client.name, content: 'twice', ref: 'r' })
      client.send({ type: 'broadcast', sender: client.name, content: 'twice', ref: 'r' })
      client.send({ type: 'register', sender: client.name, content: { resume: null }, ref: 'r' })
      await settle(client)
    }
    await dora.end()
    await until('she is gone', () => one.node.directory.size === 3 && alike())
    await ana.settle()
    await beto.settle()
    beto.send({ type: 'disconnect', sender: 'Beto' })
    await beto.closed()
    await until('he is gone', () => one.node.directory.size === 2 && alike())
    await ana.settle()
    ana.send({ type: 'disconnect', sender: 'Ana' })
    await ana.closed()
    return came
  }

  await t.test('the same frames, byte for byte, with extended sessions beside them as without', async (t) => {
    const without = await transcript(t, (_pair, app, name) => Plain.enter(app, name))
    const with_ = await transcript(t, (pair, app, name) => Fancy.enter(pair, app, name))
    t.same(with_.ana, without.ana)
    t.same(with_.beto, without.beto)
    t.ok(without.ana.length > 40 && without.beto.length > 40)
    const fields = /"(position|seq|ref|code|retry|session|users|history|resumed)":|"user_connected"|"ack"/
    t.notOk([...with_.ana, ...with_.beto].some((frame) => fields.test(frame)))
  })
}

await onEveryBackplane(t, besideBase)
