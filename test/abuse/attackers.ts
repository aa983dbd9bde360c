/** The attackers, in a thread of their own: however busy they are, bystanders in this one read what comes. */
import { once } from 'node:events'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { AttackName } from './attacks/index.js'
import type { Target } from './ground.js'

/** What is to be tried. The same order, against the same nodes, is the same attack. */
export interface Order {
  readonly attack: AttackName
  readonly amount: number
  readonly seed: number
  readonly nodes: readonly Target[]
  /** Names of the bystanders. */
  readonly bystanders: readonly string[]
}

/** What came of it. */
export interface Report {
  /** How many things were tried. */
  readonly count: number
  /** What operators said to all. */
  readonly announced: readonly string[]
  /** What must not be, if an attacker saw any of it. */
  readonly problem?: string
}

/** What the thread is sent: an order, and where to report. */
export interface Letter {
  readonly order: Order
  readonly answer: MessagePort
}

export class Attackers {
  readonly #worker = new Worker(new URL('attackers-thread.ts', import.meta.url))
  readonly #ended: Promise<never>

  constructor() {
    this.#ended = new Promise((_resolve, reject) => {
      this.#worker.once('error', reject)
      this.#worker.once('exit', (code) => reject(new Error(`the attackers ended with ${code}`)))
    })
    // Whoever waits for a report is told.
    this.#ended.catch(() => {})
  }

  /**
   * Has them attack; several orders are carried out at the same time.
   * @throws when the attackers themselves failed
   */
  async attack(order: Order): Promise<Report> {
    const { port1: here, port2: answer } = new MessageChannel()
    const letter: Letter = { order, answer }
    this.#worker.postMessage(letter, [answer])
    const [report]: Report[] = await Promise.race([once(here, 'message'), this.#ended])
    if (report === undefined) throw new Error('the attackers reported nothing')
    return report
  }

  async dismiss(): Promise<void> {
    await this.#worker.terminate()
  }
}
