import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'
import { MAX_BANS } from '../../room/bans.js'
import type { Position, Presence, Said } from '../../room/events.js'
import { INBOX_HELD, INBOX_SENT, KNOWN_REFS } from '../../room/inbox.js'
import type { Inbox, InboxQuery, NodeInfo, NodeStatus, Snapshot } from '../backplane.js'
import type { Count, Stored } from '../store.js'
import { isTimeout, reconnect } from './connection.js'
import type { Keys } from './keys.js'
import {
  type Message,
  readInboxMessage,
  readKeptBan,
  readKeptMessage,
  readMessage,
  readOutcomes,
  readUser,
} from './wire.js'

const DIRECTORY = new URL('scripts/', import.meta.url)

/** Users shown out by one run of a sweep: so many that it is soon done, so few that nobody waits for it. */
const SWEEP_PORTION = 256

/** Says that what is kept in Redis was written by a version that this one does not know. */
export class FormatError extends Error {
  override readonly name = 'FormatError'
}

/** Where the log stands. `claimsLeftMs`: how long newcomers still have to wait for those who claim their names again. */
export interface Head {
  readonly position: Position
  readonly claimsLeftMs: number
}

/**
 * A part of the log: all of it when `messages` is empty. Where that is lost because Redis has less of an epoch than was seen,
 * `endedAt` says where the epoch ended.
 */
export type LogSlice = Head & { readonly messages: readonly Message[] | 'lost'; readonly endedAt?: Position }

export type Beat = Head & {
  /** Whether this node is still known; else it was swept. */
  readonly known: boolean
  /** How many nodes have ended whose users are to be shown out. */
  readonly swept: number
}

/** What became of a batch. */
export type BatchReply =
  | { readonly kind: 'done'; readonly outcomes: ReturnType<typeof readOutcomes> }
  /** The log goes on in this epoch; nothing was done. */
  | { readonly kind: 'epoch'; readonly epoch: string }
  /** This node was swept; nothing was done. */
  | { readonly kind: 'lapsed' }
  /** Redis has no memory left; nothing was done. */
  | { readonly kind: 'full' }

/** Who runs a script, and what he knows. */
export interface Caller {
  readonly node: string
  /** The epoch that the node has applied; '' before it has any. */
  readonly epoch: string
}

export interface ScriptOptions {
  readonly redis: Redis
  readonly keys: Keys
  readonly leaseMs: number
  readonly logLength: number
  readonly logMaxBytes: number
  /** For how long an account is kept whose owner is not there. */
  readonly accountTtlMs: number
  /** For how long an extended session is held; 0: not at all. */
  readonly resumeGraceMs: number
  /** How many broadcasts the history keeps. */
  readonly historyLength: number
}

/** What the history keeps at most, however few messages that is. */
const HISTORY_BYTES = 64 * 1024 * 1024

interface Script {
  readonly source: string
  readonly sha: string
}

/**
 * The scripts of scripts/*.lua as functions. Each is one atomic step. They reject when Redis cannot be reached or does not
 * answer in time; then it may have happened or not.
 */
export class Scripts {
  readonly #options: ScriptOptions
  readonly #scripts = loadScripts()
  /** What the epochs that this process opens are called: nobody else's are, and none like another. */
  readonly #epochs = randomBytes(8).toString('hex')
  #calls = 0

  constructor(options: ScriptOptions) {
    this.#options = options
  }

  async enter(caller: Caller, { label, startedAt }: NodeInfo): Promise<Head> {
    return readHead(await this.#run('enter', caller, [label, `${startedAt}`]))
  }

  async beat(caller: Caller): Promise<Beat> {
    const reply = await this.#run('beat', caller, [])
    return { ...readHead(reply), known: text(reply[0]) === 'OK', swept: Number(reply[4] ?? 0) }
  }

  async leave(caller: Caller): Promise<void> {
    await this.#run('leave', caller, [])
  }

  /**
   * Shows out the users of all nodes that are no more.
   * @returns where the log stands behind that
   */
  async sweep(caller: Caller, now: () => number): Promise<Position> {
    for (;;) {
      const stamp = new Date(now()).toISOString()
      const args = [...this.#limits(), `${SWEEP_PORTION}`, stamp]
      const reply = await this.#run('sweep', caller, args)
      if (Number(reply[3]) === 0) return readHead(reply).position
    }
  }

  /**
   * @param proposals each as a line
   * @param anyway also when Redis has no memory left: for what makes room
   */
  async commit(
    caller: Caller,
    number: number,
    proposals: readonly string[],
    anyway = false,
  ): Promise<BatchReply> {
    const { historyLength } = this.#options
    const inbox = [INBOX_SENT.messages, INBOX_SENT.bytes, INBOX_HELD.messages, INBOX_HELD.bytes, KNOWN_REFS]
    const bounds = [MAX_BANS, historyLength, HISTORY_BYTES, ...inbox].map(String)
    const args = [`${number}`, ...this.#limits(), ...bounds, ...proposals]
    const script = anyway ? 'commit-anyway' : 'commit'
    const [status, epoch, outcomes] = await this.#run(script, caller, args).catch((error: unknown) => {
      // Only from the first thing that it writes: had it run before, it would have found its outcomes.
      if (messageOf(error).startsWith('OOM')) return [Buffer.from('FULL')]
      throw error
    })
    switch (text(status)) {
      case 'OK':
        return { kind: 'done', outcomes: readOutcomes(text(epoch), text(outcomes)) }
      case 'EPOCH':
        return { kind: 'epoch', epoch: text(epoch) }
      case 'FULL':
        return { kind: 'full' }
      default:
        return { kind: 'lapsed' }
    }
  }

  /** @param limit how many entries at most; an entry is what one batch appended */
  async read(caller: Caller, after: Position, limit: number): Promise<LogSlice> {
    const args = [after.epoch, `${after.offset}`, `${limit}`]
    const reply = await this.#run('read', caller, args)
    if (text(reply[0]) === 'OK')
      return { ...readHead(reply), messages: reply.slice(4).map((entry) => readMessage(bytes(entry))) }
    const ended = String(reply[4])
    const endedAt = ended === '' ? {} : { endedAt: { epoch: after.epoch, offset: Number(ended) } }
    return { ...readHead(reply), messages: 'lost', ...endedAt }
  }

  async snapshot(caller: Caller): Promise<Snapshot> {
    const reply = await this.#run('snapshot', caller, [])
    const users: Presence[] = []
    const flat = list(reply[3])
    for (let index = 1; index < flat.length; index += 2) users.push(readUser(bytes(flat[index])))
    users.sort((one, other) => one.order - other.order)
    const bans = list(reply[4]).map((ban) => readKeptBan(bytes(ban)))
    bans.sort((one, other) => one.createdAt - other.createdAt)
    return { position: readHead(reply).position, users, bans }
  }

  async inboxes(caller: Caller, queries: readonly InboxQuery[]): Promise<Inbox[]> {
    const args = queries.flatMap(({ secretHash, after }) => [secretHash, `${after}`])
    const reply = await this.#run('inboxes', caller, args)
    return reply.slice(3).map((inbox): Inbox => {
      return Array.isArray(inbox) ? inbox.map((message) => readInboxMessage(bytes(message))) : 'lost'
    })
  }

  /** The oldest first. */
  async history(caller: Caller, before: Position | undefined, limit: number): Promise<Said[]> {
    const reply = await this.#run('history', caller, [`${before?.offset ?? ''}`, `${limit}`])
    return reply
      .slice(3)
      .map((message) => readKeptMessage(bytes(message)))
      .reverse()
  }

  async nodes(caller: Caller): Promise<NodeStatus[]> {
    const reply = await this.#run('nodes', caller, [])
    return reply.slice(3).map((node) => {
      const [id, label, startedAt, sessions, leaseMs] = list(node)
      return {
        id: text(id),
        label: text(label),
        startedAt: Number(startedAt),
        sessions: Number(sessions),
        leaseMs: Number(leaseMs),
      }
    })
  }

  /** {@link Store.list}. */
  async list(caller: Caller, kind: string, after: string, limit: number): Promise<Stored[]> {
    const reply = await this.#run('store-list', caller, [kind, after, `${limit}`])
    return reply.slice(3).map((entry): Stored => {
      const [key, value, left] = list(entry)
      const stored = { key: text(key), value: text(value) }
      return Number(left) < 0 ? stored : { ...stored, expiresAt: Date.now() + Number(left) }
    })
  }

  /** {@link Store.delete}. */
  async forget(caller: Caller, kind: string, key: string): Promise<boolean> {
    const reply = await this.#run('store-delete', caller, [kind, key])
    return Number(reply[3]) > 0
  }

  /** {@link Store.putIfAbsent}. */
  async keep(caller: Caller, kind: string, key: string, value: string, ttlMs?: number): Promise<string> {
    const reply = await this.#run('store-put', caller, [kind, key, value, `${ttlMs ?? ''}`])
    return text(reply[3])
  }

  /** {@link Store.count}. */
  async count(caller: Caller, kind: string, key: string, by: number, windowMs: number): Promise<Count> {
    const reply = await this.#run('store-count', caller, [kind, key, `${by}`, `${windowMs}`])
    return { count: Number(reply[3]), leftMs: Number(reply[4]) }
  }

  #limits(): string[] {
    const { logLength, logMaxBytes, accountTtlMs } = this.#options
    return [`${logLength}`, `${logMaxBytes}`, `${accountTtlMs}`]
  }

  async #run(name: string, { node, epoch }: Caller, args: readonly string[]): Promise<unknown[]> {
    const { redis, keys, leaseMs, resumeGraceMs } = this.#options
    const script = this.#scripts.get(name)
    if (script === undefined) throw new Error(`no script is called ${name}`)
    this.#calls += 1
    const fresh = this.#epochs + this.#calls.toString(36)
    const all = [keys.namespace, `${leaseMs}`, node, epoch, fresh, `${resumeGraceMs}`, ...args]
    const call = (command: string, what: string) =>
      redis.callBuffer(command, what, `${keys.shared.length}`, ...keys.shared, ...all)
    try {
      return list(
        await call('EVALSHA', script.sha).catch((error: unknown) => {
          // Not executed, and so it may be sent again: Redis was restarted, or has been told to forget its scripts.
          if (messageOf(error).startsWith('NOSCRIPT')) return call('EVAL', script.source)
          throw error
        }),
      )
    } catch (error) {
      if (isTimeout(error)) reconnect(redis)
      const message = messageOf(error)
      if (message.startsWith('TERTULIAFORMAT')) throw new FormatError(message)
      throw error
    }
  }
}

function loadScripts(): ReadonlyMap<string, Script> {
  const read = (file: string) => readFileSync(new URL(file, DIRECTORY), 'utf8')
  const common = read('common.lua')
  // A script that says to Redis what kind it is says so in its first line.
  const whole = (own: string) => (own.startsWith('#!') ? own.replace('\n', `\n${common}`) : common + own)
  const files = readdirSync(DIRECTORY).filter((file) => file.endsWith('.lua') && file !== 'common.lua')
  const sources = files.map((file) => [file.slice(0, -'.lua'.length), whole(read(file))] as const)
  const anyway = ['commit-anyway', whole(`#!lua flags=allow-oom\n${read('commit.lua')}`)] as const
  return new Map(
    [...sources, anyway].map(([name, source]) => {
      return [name, { source, sha: createHash('sha1').update(source).digest('hex') }]
    }),
  )
}

function readHead(reply: readonly unknown[]): Head {
  const position = { epoch: text(reply[1]), offset: Number(reply[2]) }
  return { position, claimsLeftMs: Number(reply[3] ?? 0) }
}

function list(value: unknown): unknown[] {
  if (Array.isArray(value)) return value
  throw new Error(`Redis answered what no script of ours does: ${String(value)}`)
}

function bytes(value: unknown): Buffer {
  if (Buffer.isBuffer(value)) return value
  throw new Error(`Redis answered what no script of ours does: ${String(value)}`)
}

function text(value: unknown): string {
  return bytes(value).toString()
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
