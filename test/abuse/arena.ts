/** Where abuse happens: nodes, and bystanders on each of them who talk meanwhile and hold the server to all that they get. */
import { Compile } from 'typebox/compile'
import { SERVER_FRAMES } from '../../src/protocol/frames.js'
import { type Frame, fieldsOf } from '../conformance/client.js'
import type { ClusterNode } from '../support/cluster.js'
import type { Dice } from '../support/dice.js'
import { balance } from '../support/ledger/balance.js'
import { Chatter } from '../support/ledger/chatter.js'
import { Ledger } from '../support/ledger/ledger.js'
import { Participant } from '../support/ledger/participant.js'
import { until } from '../support/until.js'

/** What an attack works with. */
export interface Ground {
  readonly nodes: readonly ClusterNode[]
  readonly dice: Dice
  /** What operators say to all: bystanders are not surprised by it. */
  readonly announced: Set<string>
  /** Names of the bystanders. */
  readonly bystanders: readonly string[]
}

/**
 * Tries so many things, and leaves nobody behind. Resolves with how many it tried.
 * @throws when a stranger sees what must not be
 */
export type Attack = (ground: Ground, amount: number) => Promise<number>

/** What a node holds once its garbage is collected. */
export interface Probe {
  /** On the heap and in buffers. */
  readonly bytes: number
  readonly sockets: number
  /** Whether what all objects inherit is not what it was. */
  readonly polluted: boolean
}

const probeFile = new URL('probe.mjs', import.meta.url).href

/** Variables of nodes that can be probed. Nobody is swept because the machine is busy, and the log is soon full. */
export const PROBED = {
  NODE_OPTIONS: `--import=${probeFile}`,
  LOG_LENGTH: '200',
  LOG_MAX_BYTES: '1048576',
  BEAT_MS: '1000',
  LEASE_MS: '20000',
  COMMIT_TIMEOUT_MS: '30000',
  REGISTRATIONS_PER_MINUTE: '0',
  API_REQUESTS_PER_MINUTE: '0',
} as const

/** How long everything may take that has to come. */
export const PATIENCE_MS = 30_000

/** From this level on something is wrong with the server: `error` and `fatal`. */
const WRONG = 50

const readers = new Map(Object.entries(SERVER_FRAMES).map(([type, schema]) => [type, Compile(schema)]))
const isFrame = ({ type, raw }: Frame) => readers.get(type)?.Check(fieldsOf(raw)) === true

export class Arena {
  readonly ground: Ground
  readonly #crowd: readonly Participant[]
  readonly #ledger: Ledger
  readonly #everyMs: number
  readonly #malformed: string[]
  /** How many broadcasts of bystanders were receipted, and how often one of them got one. */
  readonly heard = { said: 0, deliveries: 0 }

  /**
   * @param each how many bystanders there are on each node
   * @param everyMs how long each of them pauses
   */
  static async open(nodes: readonly ClusterNode[], dice: Dice, each = 2, everyMs = 50): Promise<Arena> {
    const announced = new Set<string>()
    const malformed: string[] = []
    const ledger: Ledger = new Ledger((frame) => {
      if (!isFrame(frame)) malformed.push(`no frame of the protocol came: ${frame.raw}`)
      return !isOfStrangers(frame, ledger, announced)
    })
    const crowd = await Participant.crowd(ledger, nodes, each)
    const ground = { nodes, dice, announced, bystanders: crowd.map(({ name }) => name) }
    return new Arena(ground, crowd, ledger, everyMs, malformed)
  }

  private constructor(
    ground: Ground,
    crowd: readonly Participant[],
    ledger: Ledger,
    everyMs: number,
    malformed: string[],
  ) {
    this.ground = ground
    this.#crowd = crowd
    this.#ledger = ledger
    this.#everyMs = everyMs
    this.#malformed = malformed
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
      problems.push(...(await balance(this.#ledger, this.#crowd, () => this.#lists())))
    problems.push(...this.#malformed.splice(0), ...this.#complaints())
    this.heard.said += chatter.counts.accepted
    this.heard.deliveries += this.#ledger.accounts.reduce((sum, { sights }) => sum + sights.length, 0)
    this.#ledger.turnPage()
    return problems
  }

  /** Has every node collect its garbage, and say what is left. */
  async probe(): Promise<Probe[]> {
    return Promise.all(this.ground.nodes.map(probe))
  }

  #lists() {
    return Promise.all(
      this.ground.nodes.map(async (node) => ({ where: node.label, users: await node.users() })),
    )
  }

  #ended(): string[] {
    return this.#crowd
      .filter(({ account }) => !account.present)
      .map(({ account }) => `${account} was thrown out: ${account.closeCode}`)
  }

  /** Whether all nodes live, and none has anything to complain of. */
  #complaints(): string[] {
    return this.ground.nodes.flatMap((node) => [
      ...(node.alive ? [] : [`${node.label} has ended`]),
      ...node.server.lines.filter(isComplaint).map((line) => `${node.label} says: ${line}`),
    ])
  }
}

/** What a stranger said or did: that is no bystander's business, as long as it is not said in his name, or to him alone. */
function isOfStrangers(
  { type, sender, content }: Frame,
  { accounts }: Ledger,
  announced: ReadonlySet<string>,
): boolean {
  const isStranger = (name: unknown) => !accounts.some((account) => account.name === name)
  if (type === 'broadcast') return sender === 'server' ? announced.has(String(content)) : isStranger(sender)
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
