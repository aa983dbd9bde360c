import { setTimeout as sleep } from 'node:timers/promises'
import type { Message } from './account.js'
import type { Participant } from './participant.js'

const STATUSES = ['OCUPADO', 'INACTIVO', 'ACTIVO']

/** Clients that go on talking, each about one thing at a time: it waits for what becomes of it before it goes on. */
export class Chatter {
  readonly #speakers: readonly Participant[]
  readonly #everyMs: number
  readonly #running: Promise<unknown>
  #stopped = false
  /** Broadcasts that came back, and those that were refused; and the longest that one of them waited until it could go on. */
  readonly counts = { accepted: 0, refused: 0, longestMs: 0 }

  /** @param everyMs how long each pauses */
  constructor(speakers: readonly Participant[], everyMs = 15) {
    this.#speakers = speakers
    this.#everyMs = everyMs
    this.#running = Promise.all(speakers.map((speaker, index) => this.#talk(speaker, index)))
    // Whoever stops it is told.
    this.#running.catch(() => {})
  }

  /** Resolves when nobody waits for anything any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  async #talk(speaker: Participant, index: number): Promise<void> {
    for (let turn = index; !this.#stopped && speaker.account.present; turn += 1) {
      const began = performance.now()
      try {
        await this.#turn(speaker, turn)
      } catch (error) {
        // With its connection ends what it was waiting for.
        if (speaker.account.present) throw error
      }
      this.counts.longestMs = Math.max(this.counts.longestMs, performance.now() - began)
      await sleep(this.#everyMs)
    }
  }

  async #turn(speaker: Participant, turn: number): Promise<void> {
    const others = this.#speakers.filter(({ account }) => account.present)
    const other = others[turn % others.length] ?? speaker
    if (turn % 8 === 1) {
      speaker.tell(other)
      await speaker.settle()
    } else if (turn % 8 === 2) {
      speaker.changeStatus(STATUSES[turn % STATUSES.length] ?? 'ACTIVO')
      await speaker.settle()
    } else if (turn % 8 === 5) {
      // Without waiting for anything: it takes effect in this order.
      const said = [speaker.say(), speaker.tell(other), speaker.say(), speaker.tell(other), speaker.say()]
      await speaker.settle()
      for (const message of said) this.#count(message)
    } else {
      this.#count(await speaker.utter())
    }
  }

  #count({ kind, outcome }: Message): void {
    if (kind !== 'broadcast') return
    if (outcome === 'accepted') this.counts.accepted += 1
    else if (outcome === 'refused') this.counts.refused += 1
  }
}
