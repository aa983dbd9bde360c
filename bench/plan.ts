/** What is measured, as data. */
import type { ContenderName } from './contenders.js'

/** One thing that is done with a contender that runs. What has `as` is measured, under `scenario/as`. */
export type Step =
  /** Connects and registers so many more; of `small` ones the kernel keeps little that they have not read. */
  | { readonly do: 'open'; readonly clients: number; readonly small?: boolean; readonly as?: string }
  /** Everyone hears what senders say; `half` is half the rate of the talk that is named so. */
  | {
      readonly do: 'talk' | 'private'
      readonly as: string
      readonly senders: number
      readonly inFlight?: number
      readonly rate?: number | { readonly halfOf: string }
      /** Where what is looked for takes longer than the plan measures. */
      readonly measureMs?: number
    }
  | { readonly do: 'ask'; readonly as: string; readonly what: 'list' | 'info'; readonly askers: number }
  /** Pages of `GET /users`, so many users each. */
  | { readonly do: 'pages'; readonly as: string; readonly requests: number; readonly limit: number }
  /** Those that are small read nothing more. */
  | { readonly do: 'deafen' }
  /** How many the server holds for present. */
  | { readonly do: 'present'; readonly as: string }
  /** What the server holds in memory, beyond what it held before the first client. */
  | { readonly do: 'memory'; readonly as: string }
  /** All connections end at once. */
  | { readonly do: 'close'; readonly as?: string }

export interface Scenario {
  readonly id: string
  readonly title: string
  readonly contenders: readonly ContenderName[]
  readonly steps: readonly Step[]
  /** How often it is run, each time with a contender that starts anew; medians count. */
  readonly rounds: number
}

export interface Plan {
  readonly scenarios: readonly Scenario[]
  /** Before the first talk with a contender, for each of its servers: what has just been started is being compiled. */
  readonly firstWarmUpMs: number
  readonly warmUpMs: number
  readonly measureMs: number
  /** How long memory is left to settle before it is looked at. */
  readonly settleMs: number
  /** The targets for which it measures nothing. */
  readonly leavesOut: readonly string[]
}

/** The text of a message; a frame has about 90 bytes around it. */
export const MESSAGE_BYTES = 200

const BUSY = { do: 'talk', senders: 10, inFlight: 4 } as const
const ALL: readonly ContenderName[] = [
  'floor',
  'floor in node',
  'tertulia',
  'tertulia+redis',
  'tertulia+redis, limits on',
  'tertulia+redis, extended',
  'nats',
  'ws',
  'socket.io',
  'socket.io+redis',
]

function room(contenders: readonly ContenderName[], rounds: number): Scenario {
  return {
    id: 'room',
    title:
      'A room of 500: 10 senders with 4 messages each in flight; one message in flight; half of its own maximum',
    contenders,
    rounds,
    steps: [
      { do: 'open', clients: 500 },
      { ...BUSY, as: 'busy' },
      { do: 'talk', as: 'one', senders: 1, inFlight: 1 },
      { do: 'talk', as: 'half', senders: 10, rate: { halfOf: 'busy' } },
    ],
  }
}

function sizes(contenders: readonly ContenderName[], clients: readonly number[], rounds: number): Scenario[] {
  return clients.map((count) => ({
    id: `size-${count}`,
    title: `The busy room with ${count} clients`,
    contenders,
    rounds,
    steps: [
      { do: 'open', clients: count },
      { ...BUSY, as: 'busy' },
    ],
  }))
}

function loads(contenders: readonly ContenderName[], rates: readonly number[]): Scenario {
  return {
    id: 'load',
    title: 'A room of 500 at so many messages a second',
    contenders,
    rounds: 1,
    steps: [
      { do: 'open', clients: 500 },
      ...rates.map((rate): Step => ({ do: 'talk', as: `${rate}`, senders: 10, rate })),
    ],
  }
}

function nodes(rounds: number): Scenario {
  return {
    id: 'nodes',
    title: 'The busy room of 500 on three nodes',
    contenders: ['tertulia+redis, 3 nodes'],
    rounds,
    steps: [
      { do: 'open', clients: 500 },
      { ...BUSY, as: 'busy' },
    ],
  }
}

function crowd(contenders: readonly ContenderName[], rounds: number): Scenario {
  return {
    id: 'crowd',
    title: '10,000 come, and go all at once',
    contenders,
    rounds,
    steps: [
      // A server that has met nobody yet would mostly be compiling.
      { do: 'open', clients: 2000 },
      { do: 'close' },
      { do: 'open', clients: 10_000, as: 'join' },
      { do: 'memory', as: 'memory' },
      { do: 'close', as: 'leave' },
    ],
  }
}

function lookUps(): Scenario {
  return {
    id: 'look-up',
    title: 'Questions with few and with 10,000 present',
    contenders: ['tertulia+redis'],
    rounds: 1,
    steps: [
      { do: 'open', clients: 200 },
      { do: 'pages', as: 'page-few', requests: 1000, limit: 100 },
      { do: 'ask', as: 'info-few', what: 'info', askers: 20 },
      { do: 'ask', as: 'list-few', what: 'list', askers: 20 },
      { do: 'open', clients: 9_800 },
      { do: 'pages', as: 'page-many', requests: 1000, limit: 100 },
      { do: 'ask', as: 'info-many', what: 'info', askers: 20 },
      { do: 'ask', as: 'list-many', what: 'list', askers: 20 },
    ],
  }
}

function churn(clients: number, times: number): Scenario {
  const round = (index: number): Step[] => [
    { do: 'open', clients },
    { do: 'close' },
    { do: 'memory', as: `memory-${index + 1}` },
  ]
  return {
    id: 'churn',
    title: `${clients} clients came and went ${times} times`,
    contenders: ['tertulia, collected'],
    rounds: 1,
    steps: Array.from({ length: times }, (_, index) => round(index)).flat(),
  }
}

/** At this rate an outbox is full after two seconds, and the client that does not read is closed. */
const SLOW = { do: 'talk', senders: 10, rate: 2000, measureMs: 4000 } as const
export const SLOW_READERS = 25

function slowReaders(rounds: number): Scenario {
  return {
    id: 'slow',
    title: `A room of 475 at ${SLOW.rate} messages a second, before ${SLOW_READERS} come who do not read, with them, and when they are gone`,
    contenders: ['tertulia+redis'],
    rounds,
    steps: [
      { do: 'open', clients: 500 - SLOW_READERS },
      { ...SLOW, as: 'before' },
      { do: 'open', clients: SLOW_READERS, small: true },
      { do: 'deafen' },
      { ...SLOW, as: 'with' },
      { do: 'present', as: 'left' },
      { ...SLOW, as: 'after' },
    ],
  }
}

/** What a sender costs is what is left when what the deliveries cost is taken away: two sizes of room tell. */
function senders(rounds: number): Scenario[] {
  return [40, 540].map((clients) => ({
    id: `senders-${clients}`,
    title: `40 senders among ${clients} clients`,
    contenders: ['tertulia+redis'],
    rounds,
    steps: [
      { do: 'open', clients },
      { do: 'talk', as: 'talk', senders: 40, inFlight: 4 },
    ],
  }))
}

function privates(rounds: number): Scenario {
  return {
    id: 'private',
    title: '10,000 private messages a second from one node to another',
    contenders: ['tertulia+redis, 2 nodes'],
    rounds,
    steps: [
      { do: 'open', clients: 400 },
      { do: 'private', as: 'private', senders: 200, rate: 10_000 },
    ],
  }
}

/** Everything; under twenty minutes. */
export const FULL: Plan = {
  firstWarmUpMs: 2000,
  warmUpMs: 1000,
  measureMs: 3000,
  settleMs: 10_000,
  leavesOut: [],
  scenarios: [
    room(ALL, 3),
    nodes(3),
    ...sizes(['floor', 'tertulia', 'tertulia+redis', 'nats', 'socket.io+redis'], [100, 1000, 5000], 1),
    loads(['floor', 'tertulia+redis', 'nats', 'socket.io+redis'], [10, 100, 1000, 3000]),
    crowd(['tertulia', 'tertulia+redis', 'ws', 'socket.io', 'socket.io+redis'], 2),
    lookUps(),
    churn(10_000, 10),
    slowReaders(3),
    ...senders(3),
    privates(3),
  ],
}

/** What tells most; about two minutes. */
export const QUICK: Plan = {
  firstWarmUpMs: 1500,
  warmUpMs: 500,
  measureMs: 1000,
  settleMs: 4000,
  leavesOut: ['load-p99', 'churn'],
  scenarios: [
    room(
      [
        'floor',
        'floor in node',
        'tertulia',
        'tertulia+redis',
        'tertulia+redis, limits on',
        'tertulia+redis, extended',
        'nats',
        'socket.io',
        'socket.io+redis',
      ],
      1,
    ),
    nodes(1),
    ...sizes(['tertulia+redis'], [100, 5000], 1),
    crowd(['tertulia+redis', 'socket.io+redis'], 1),
    lookUps(),
    slowReaders(1),
    ...senders(1),
    privates(1),
  ],
}
