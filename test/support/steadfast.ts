/** Clients that come back by themselves, as often as they must, and send again what was not acknowledged (protocol, part 2). */
import { setTimeout as sleep } from 'node:timers/promises'
import { Extended, type Fields, type Place } from './extended.js'
import { until } from './until.js'

/** How long anything may take that has to come: nodes die meanwhile, and Redis is away. */
const PATIENCE_MS = 60_000

/** How long it waits until it tries again. */
const PAUSE_MS = 20

/** Somebody who talks, and loses no word. */
export class Steadfast {
  readonly name: string
  readonly #places: () => readonly Place[]
  /** Frames from the log and private messages, of all its connections, in order. */
  readonly #past: Fields[] = []
  #extended: Extended
  #tries: number
  /** Whether each resume succeeded. */
  readonly resumed: boolean[] = []
  /** How its connections were closed. */
  readonly closes: number[] = []
  /** What has not been acknowledged, in the order in which it was sent. */
  readonly #pending = new Map<string, object>()
  #sent = 0
  /** What was acknowledged: said to all, and told to each. */
  readonly said: string[] = []
  readonly told: { readonly target: string; readonly content: string }[] = []
  #waits = false
  #over = false
  #talking: Promise<void> = Promise.resolve()
  #quiet = true

  /**
   * Enters at one of several places, and comes back at any of those that there are then.
   * @param at where it enters
   */
  static async enter(places: () => readonly Place[], name: string, at: number): Promise<Steadfast> {
    const place = places()[at]
    if (place === undefined) throw new Error('there is no such place')
    return new Steadfast(places, await Extended.enter(place, name), at)
  }

  private constructor(places: () => readonly Place[], extended: Extended, at: number) {
    this.name = extended.name
    this.#places = places
    this.#extended = extended
    this.#tries = at
    this.#watch(extended)
  }

  /** What it has heard. */
  get heard(): Fields[] {
    return [...this.#past, ...this.#extended.heard]
  }

  get extended(): Extended {
    return this.#extended
  }

  /** Whether it is connected, and everything that it sent was acknowledged. */
  get isSettled(): boolean {
    return !this.#extended.client.ended && this.#pending.size === 0
  }

  /** Does not come back until {@link comeBack}. */
  stayAway(): void {
    this.#waits = true
  }

  comeBack(): void {
    this.#waits = false
  }

  /** Goes on elsewhere although its connection is still there; returns the old one. */
  async moveTo(place: Place): Promise<Extended> {
    const old = this.#extended
    await this.#resumeAt(place)
    return old
  }

  /** Says something to all, in one go with other frames that wait; it stays pending until it is acknowledged. */
  say(): string {
    const content = this.#content('says')
    this.#send({ type: 'broadcast', content })
    return content
  }

  tell(target: string): string {
    const content = this.#content(`tells ${target}`)
    this.#send({ type: 'private', target, content })
    return content
  }

  /** Begins to talk to all and to others in turn, each time when what it said last was acknowledged. */
  talk(others: readonly Steadfast[]): void {
    this.#quiet = false
    this.#talking = (async () => {
      for (let turn = 0; !this.#quiet; turn += 1) {
        this.say()
        const other = others[turn % others.length]
        if (other !== undefined && turn % 2 === 0) this.tell(other.name)
        if (turn % 3 === 0) this.say()
        const idle = () => this.#pending.size === 0
        await until(`${this.name} is acknowledged`, idle, PATIENCE_MS)
        await sleep(5)
      }
    })()
    // Whoever stops it is told.
    this.#talking.catch(() => {})
  }

  async stop(): Promise<void> {
    this.#quiet = true
    await this.#talking
  }

  /** Takes its leave. */
  async leave(): Promise<void> {
    this.#over = true
    this.#extended.send({ type: 'disconnect' })
    await this.#extended.client.closed(PATIENCE_MS)
  }

  #content(what: string): string {
    this.#sent += 1
    return `${this.name} ${what} #${this.#sent}`
  }

  #send(frame: object): void {
    const ref = `r${this.#sent}`
    this.#pending.set(ref, { ...frame, ref })
    if (!this.#extended.client.ended) this.#extended.send({ ...frame, ref })
  }

  #watch(extended: Extended): void {
    void this.#listen(extended)
    extended.client.ws.once('close', (code) => {
      if (this.#extended !== extended) return
      this.closes.push(code)
      if (!this.#over) void this.#return()
    })
  }

  /** Takes acknowledgements; what could not be done is sent again. */
  async #listen(extended: Extended): Promise<void> {
    try {
      for (;;) {
        const frame = await extended.next(['ack', 'error'], PATIENCE_MS * 10)
        const { ref, type, retry } = frame
        const pending = this.#pending.get(String(ref))
        if (pending === undefined || this.#extended !== extended) continue
        if (type === 'ack') this.#acknowledged(String(ref), pending)
        else if (retry === true) {
          await sleep(PAUSE_MS)
          if (this.#extended === extended && !extended.client.ended) extended.send(pending)
        } else throw new Error(`${this.name} was refused: ${JSON.stringify(frame)}`)
      }
    } catch (error) {
      if (!extended.client.ended) throw error
    }
  }

  #acknowledged(ref: string, pending: Partial<Record<string, unknown>>): void {
    this.#pending.delete(ref)
    const { target, content } = pending
    if (typeof target === 'string') this.told.push({ target, content: String(content) })
    else this.said.push(String(content))
  }

  async #return(): Promise<void> {
    const give = performance.now() + PATIENCE_MS
    for (;;) {
      await until(`${this.name} may come back`, () => !this.#waits, PATIENCE_MS)
      const places = this.#places()
      this.#tries += 1
      const place = places[this.#tries % places.length]
      try {
        if (place === undefined) throw new Error('there is no place')
        await this.#resumeAt(place)
        return
      } catch (error) {
        // The node is dead, or on its way, or cut off.
        if (performance.now() > give) throw error
        await sleep(PAUSE_MS)
      }
    }
  }

  async #resumeAt(place: Place): Promise<void> {
    const old = this.#extended
    const before = old.heard
    const extended = await old.resume(place)
    this.#past.push(...before)
    this.#extended = extended
    const resumed = extended.welcome.resumed === true
    this.resumed.push(resumed)
    // What becomes of it is not known: it is not sent again.
    if (!resumed) this.#pending.clear()
    this.#watch(extended)
    extended.send(...this.#pending.values())
  }
}
