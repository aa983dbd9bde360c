/** The books of a test with many clients: what each sent, was answered and saw; and what of that contradicts the protocol. */
import type { Frame } from '../../conformance/client.js'
import { Account, type Book, type Message } from './account.js'
import { deliveryProblems, type Excuses } from './deliveries.js'
import { departureProblems } from './departures.js'
import { type List, listProblems } from './lists.js'
import { orderProblems } from './orders.js'
import { statusProblems } from './statuses.js'

export class Ledger implements Book {
  accounts: Account[] = []
  readonly #messages = new Map<string, Message>()
  readonly #impossible: string[] = []
  readonly #concerns: (frame: Frame) => boolean
  #moment = 0
  #labels = 0

  /** @param concerns whether a frame is for the books: what strangers do need not be */
  constructor(concerns: (frame: Frame) => boolean = () => true) {
    this.#concerns = concerns
  }

  /** Notes a frame that came to a client, if it is for the books. */
  hear(account: Account, frame: Frame): void {
    if (this.#concerns(frame)) account.hear(frame)
  }

  moment(): number {
    this.#moment += 1
    return this.#moment
  }

  /** Opens an account for a client that is about to register. */
  open(name: string, where: string): Account {
    const account = new Account(this, name, where)
    this.accounts.push(account)
    return account
  }

  /** Text that no other message has. */
  content(about: string): string {
    this.#labels += 1
    return `${about} #${this.#labels}`
  }

  record(message: Message): void {
    if (message.kind !== 'status') this.#messages.set(message.content, message)
  }

  message(content: string): Message | undefined {
    return this.#messages.get(content)
  }

  impossible(problem: string): void {
    this.#impossible.push(problem)
  }

  /** Those who are registered. */
  get present(): Account[] {
    return this.accounts.filter(({ present }) => present)
  }

  /**
   * To be called when some clients' sessions may be swept, or certainly are, although they stay connected: then others see
   * them leave once more than they do.
   */
  doubt(accounts: Iterable<Account>, certain: boolean): void {
    const since = this.moment()
    for (const account of accounts)
      if (account.present || account.asking) account.doubts.push({ since, certain })
  }

  /**
   * Everything that cannot be. Nothing must be under way: every client has its answers, every server has told its clients what
   * it knows.
   * @param lists who is present, as each server says
   */
  problems(lists: readonly List[], excuses: Excuses = {}): string[] {
    const { accounts } = this
    return [
      ...this.#impossible,
      ...listProblems(accounts, lists),
      ...departureProblems(accounts),
      ...orderProblems(accounts, excuses),
      ...deliveryProblems(accounts, excuses),
      ...statusProblems(accounts),
    ]
  }

  /** Forgets everything that is over, so that the books of a long run stay small. Who is present stays, with a clean page. */
  turnPage(): void {
    this.#messages.clear()
    this.#impossible.length = 0
    this.accounts = this.present
    const now = this.moment()
    const names = this.accounts.map(({ name }) => name)
    for (const account of this.accounts) account.turnPage(now, names)
  }
}
