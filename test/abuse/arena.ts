/** Where abuse happens: nodes, and bystanders on each of them who talk meanwhile and hold the server to all that they get. */
import { Compile } from 'typebox/compile'
import { SERVER_FRAMES } from '../../src/protocol/frames.js'
import { type Frame, fieldsOf } from '../conformance/client.js'
import type { ClusterNode, Scope } from '../support/cluster.js'
import type { Dice } from '../support/dice.js'
import { balance } from '../support/ledger/balance.js'
import { Chatter } from '../support/ledger/chatter.js'
import { Ledger } from '../support/ledger/ledger.js'
import { Participant } from '../support/ledger/participant.js'
import { until } from '../support/until.js'
import { Attackers } from './attackers.js'
import type { AttackName } from './attacks/index.js'
import { PATIENCE_MS } from './ground.js'

/** What a node holds once its garbage is collected. */
export interface Probe {
  /** On the heap and in buffers. */
  readonly bytes: number
  readonly sockets: number
  /** Whether what all objects inherit is not what it was. */
  readonly polluted: boolean
}

const probeFile = new URL('probe.mjs', import.meta.url).href

/** Variables of nodes that can be probed. Nobody is swept because the machine is busy; the log is soon full, and who has gone is soon gone. */
export const PROBED = {
  NODE_OPTIONS: `--import=${probeFile}`,
  LOG_LENGTH: '200',
  HISTORY_LENGTH: '100',
  RESUME_GRACE_MS: '500',
  LOG_MAX_BYTES: '1048576',
  BEAT_MS: '1000',
  LEASE_MS: '20000',
  COMMIT_TIMEOUT_MS: '30000',
  REGISTRATIONS_PER_MINUTE: '0',
  API_REQUESTS_PER_MINUTE: '0',
} as const

/** A bystander who waits longer for what he asked, or said, is disturbed. It is much, because machines are busy, too. */
const LONGEST_MS = 5000

/** From this level on something is wrong with the server: `error` and `fatal`. */
const WRONG = 50

const readers = new Map(Object.entries(SERVER_FRAMES).map(([type, schema]) => [type, Compile(schema)]))
const isFrame = ({ type, raw }: Frame) => readers.get(type)?.Check(fieldsOf(raw)) === true

/** How an arena is set up. */
export interface ArenaOptions {
  /** What chance it leaves to attacks depends on. */
  readonly dice: Dice
  /** How many bystanders there are on each node: two, if it does not say. */
  readonly each?: number
  /** How long each of them pauses. */
  readonly everyMs?: number
}

export class Arena {
  readonly #nodes: readonly ClusterNode[]
  readonly #dice: Dice
  readonly #everyMs: number
  readonly #attackers = new Attackers()
  readonly #ledger: Ledger
  #crowd: readonly Participant[] = []
  /** Frames that came to bystanders and are none. */
  readonly #malformed: string[] = []
  /** What operators said, as attackers report it, and what bystanders heard in their name. */
  readonly #announced = new Set<string>()
  readonly #told = new Set<string>()
  /** How many broadcasts of bystanders were receipted, how often one of them got one, and the longest that one had to wait. */
  readonly heard = { said: 0, deliveries: 0, longestMs: 0 }

  /** Lets bystanders take their places; all of it ends with the scope. */
  static async open(scope: Scope, nodes: readonly ClusterNode[], options: ArenaOptions): Promise<Arena> {
    const arena = new Arena(nodes, options)
    scope.teardown(() => arena.#attackers.dismiss())
    arena.#crowd = await Participant.crowd(arena.#ledger, nodes, options.each ?? 2)
    return arena
  }

  private constructor(nodes: readonly ClusterNode[], { dice, everyMs = 50 }: ArenaOptions) {
    this.#nodes = nodes
    this.#dice = dice
    this.#everyMs = everyMs
    this.#ledger = new Ledger((frame) => this.#concerns(frame))
  }

  /**
   * Has something tried, from a thread of its own; to be called {@link during} something.
   * @param nodes against whom, if not those who were there from the beginning
   * @returns how many times
   * @throws when an attacker saw what must not be
   */
  async attack(attack: AttackName, amount: number, nodes = this.#nodes): Promise<number> {
    const { count, announced, problem } = await this.#attackers.attack({
      attack,
      amount,
      seed: this.#dice.below(2 ** 32),
      nodes: nodes.map(({ url, server }) => ({ url, port: server.port })),
      bystanders: this.#crowd.map(({ name }) => name),
    })
    for (const text of announced) this.#announced.add(text)
    if (problem !== undefined) throw new Error(problem)
    return count
  }

  /**
   * Does something while the bystanders talk.
   * @returns everything that cannot be: strangers who are still there among it
   */
  async during(work: () => Promise<void>): Promise<string[]> {
    const chatter = new Chatter(this.#crowd, this.#everyMs)
    const problems: string[] = []
    await work().catch((error: unknown) => {
      problems.push(error instanceof Error ? `${error.stack}` : String(error))
    })
    await chatter.stop().catch((error: unknown) => problems.push(`somebody could not go on: ${error}`))
    problems.push(...this.#ended())
    if (problems.length === 0)
      problems.push(...(await balance(this.#ledger, this.#crowd, () => this.#lists())), ...this.#rumours())
    problems.push(...this.#malformed.splice(0), ...this.#complaints())
    const { accepted, longestMs } = chatter.counts
    if (longestMs > LONGEST_MS) problems.push(`somebody had to wait ${longestMs.toFixed()} ms`)
    this.heard.said += accepted
    this.heard.longestMs = Math.max(this.heard.longestMs, longestMs)
    this.heard.deliveries += this.#ledger.accounts.reduce((sum, { sights }) => sum + sights.length, 0)
    this.#turnPage()
    return problems
  }

  /** Has every node collect its garbage, and say what is left. */
  async probe(): Promise<Probe[]> {
    return Promise.all(this.#nodes.map(probe))
  }

  /** Notes whether a frame is one, and says whether it is for the books. */
  #concerns(frame: Frame): boolean {
    if (!isFrame(frame)) this.#malformed.push(`no frame of the protocol came: ${frame.raw}`)
    // The attackers report only afterwards what operators said.
    if (frame.type === 'broadcast' && frame.sender === 'server') this.#told.add(String(frame.content))
    return !isOfStrangers(frame, this.#ledger)
  }

  /** What was said in the operators' name, and not by them; or by them, and not heard. */
  #rumours(): string[] {
    const invented = [...this.#told].filter((text) => !this.#announced.has(text))
    const unheard = [...this.#announced].filter((text) => !this.#told.has(text))
    return [
      ...invented.map((text) => `nobody announced ${JSON.stringify(text)}`),
      ...unheard.map((text) => `nobody heard ${JSON.stringify(text)}`),
    ]
  }

  #turnPage(): void {
    this.#ledger.turnPage()
    this.#announced.clear()
    this.#told.clear()
  }

  #lists() {
    return Promise.all(this.#nodes.map(async (node) => ({ where: node.label, users: await node.users() })))
  }

  #ended(): string[] {
    return this.#crowd
      .filter(({ account }) => !account.present)
      .map(({ account }) => `${account} was thrown out: ${account.closeCode}`)
  }

  /** Whether all nodes live, and none has anything to complain of. */
  #complaints(): string[] {
    return this.#nodes.flatMap((node) => [
      ...(node.alive ? [] : [`${node.label} has ended`]),
      ...node.server.lines.filter(isComplaint).map((line) => `${node.label} says: ${line}`),
    ])
  }
}

/** What a stranger or an operator said or did: that is no bystander's business, as long as it is not in his name, or to him alone. */
function isOfStrangers({ type, sender, content }: Frame, { accounts }: Ledger): boolean {
  const isStranger = (name: unknown) => !accounts.some((account) => account.name === name)
  if (type === 'broadcast') return isStranger(sender)
  if (type === 'user_disconnected') return isStranger(String(content).replace(/ ha salido$/, ''))
  if (type !== 'status_update') return false
  return typeof content === 'object' && content !== null && 'user' in content && isStranger(content.user)
}

/** A line of the log that says that something is wrong; what is no line of a log at all is a complaint of Node itself. */
function isComplaint(line: string): boolean {
  const { level, probe } = fieldsOf(line)
  return probe === undefined && !(typeof level === 'number' && level < WRONG)
}

async function probe({ label, server }: ClusterNode): Promise<Probe> {
  const before = server.lines.length
  server.child.kill('SIGUSR2')
  const found = await until(
    `what ${label} holds`,
    () => server.lines.slice(before).flatMap(readProbe)[0],
    PATIENCE_MS,
  )
  if (found === undefined) throw new Error(`${label} says nothing`)
  return found
}

function readProbe(line: string): Probe[] {
  const { probe } = fieldsOf(line)
  if (typeof probe !== 'object' || probe === null) return []
  if (!('bytes' in probe && 'sockets' in probe && 'polluted' in probe)) return []
  const { bytes, sockets, polluted } = probe
  return [{ bytes: Number(bytes), sockets: Number(sockets), polluted: polluted !== false }]
}
