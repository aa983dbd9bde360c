/** What must hold, as ratios of figures of one run. */
import type { ContenderName } from './contenders.js'
import { SLOW_READERS } from './plan.js'
import type { Results } from './results.js'

/** What one delivery of Socket.IO through Redis costs on the machine for which figures in µs are meant. */
const REFERENCE_MICROS = 6.4

export interface Target {
  readonly id: string
  readonly title: string
  readonly limit: number
  /** Whether the figure must reach the limit, or must not exceed it. */
  readonly bound: 'at least' | 'at most'
  readonly unit?: string
  /** Where the limit cannot be met (docs/performance.md says why): what is reached instead, which must not become much worse. */
  readonly reached?: number
  /** NaN where something was not measured. */
  readonly figure: (results: Reading) => number
}

/** How targets read results: medians, NaN for what is not there. */
class Reading {
  readonly #results: Results

  constructor(results: Results) {
    this.#results = results
  }

  of(what: string, contender: ContenderName, value = 'cpu'): number {
    return this.#results.median(what, contender, value) ?? Number.NaN
  }

  /** How much slower than the reference this machine is. */
  get scale(): number {
    return this.of('room/busy', 'socket.io+redis') / REFERENCE_MICROS
  }

  /** CPU of one more byte in a list that is asked for. */
  get listByte(): number {
    const of = (value: string) =>
      this.of('look-up/list-many', 'tertulia+redis', value) -
      this.of('look-up/list-few', 'tertulia+redis', value)
    return of('cpu') / of('bytesEach')
  }

  /** The mean of what was measured of slow readers' company without them: before they came, and when they were gone. */
  withoutSlow(value: string): number {
    return (
      (this.of('slow/before', 'tertulia+redis', value) + this.of('slow/after', 'tertulia+redis', value)) / 2
    )
  }
}

export const TARGETS: readonly Target[] = [
  {
    id: 'busy-socketio',
    title: 'busy room through Redis: Socket.IO / Tertulia',
    bound: 'at least',
    limit: 20,
    figure: (at) => at.of('room/busy', 'socket.io+redis') / at.of('room/busy', 'tertulia+redis'),
  },
  {
    id: 'busy-nats',
    title: 'busy room through Redis: NATS / Tertulia',
    bound: 'at least',
    limit: 3,
    figure: (at) => at.of('room/busy', 'nats') / at.of('room/busy', 'tertulia+redis'),
  },
  {
    id: 'busy-redis-floor',
    title: 'busy room through Redis: Tertulia / floor',
    bound: 'at most',
    limit: 2,
    figure: (at) => at.of('room/busy', 'tertulia+redis') / at.of('room/busy', 'floor'),
  },
  {
    id: 'busy-memory-floor',
    title: 'busy room in memory: Tertulia / floor',
    bound: 'at most',
    limit: 1.4,
    figure: (at) => at.of('room/busy', 'tertulia') / at.of('room/busy', 'floor'),
  },
  latency('busy', 'p99Micros', 'tertulia+redis', 'socket.io+redis'),
  {
    id: 'half-socketio',
    title: 'at half of its own maximum: Socket.IO / Tertulia',
    bound: 'at least',
    limit: 20,
    reached: 15,
    figure: (at) => at.of('room/half', 'socket.io+redis') / at.of('room/half', 'tertulia+redis'),
  },
  {
    id: 'half-nats',
    title: 'at half of its own maximum: NATS / Tertulia',
    bound: 'at least',
    limit: 3,
    figure: (at) => at.of('room/half', 'nats') / at.of('room/half', 'tertulia+redis'),
  },
  {
    id: 'half-redis-floor',
    title: 'at half of its own maximum: Tertulia / floor',
    bound: 'at most',
    limit: 2,
    figure: (at) => at.of('room/half', 'tertulia+redis') / at.of('room/half', 'floor'),
  },
  {
    ...latency('half', 'p99Micros', 'tertulia+redis', 'socket.io+redis'),
    title: 'p99 at half of its own maximum: tertulia+redis / socket.io+redis',
    reached: 3,
  },
  {
    id: 'one-floor',
    title: 'one message in flight, in memory: Tertulia / one write a socket',
    bound: 'at most',
    limit: 1.3,
    figure: (at) => at.of('room/one', 'tertulia') / at.of('room/one', 'floor'),
  },
  {
    id: 'one-redis-floor',
    title: 'one message in flight, through Redis: Tertulia / one write a socket',
    bound: 'at most',
    limit: 1.3,
    figure: (at) => at.of('room/one', 'tertulia+redis') / at.of('room/one', 'floor'),
  },
  latency('one', 'p50Micros', 'tertulia', 'socket.io'),
  latency('one', 'p99Micros', 'tertulia', 'socket.io'),
  latency('one', 'p50Micros', 'tertulia+redis', 'socket.io+redis'),
  latency('one', 'p99Micros', 'tertulia+redis', 'socket.io+redis'),
  {
    id: 'load-p99',
    title: 'p99 at 100 messages a second, which both can: tertulia+redis / socket.io+redis',
    bound: 'at most',
    limit: 1,
    figure: (at) =>
      at.of('load/100', 'tertulia+redis', 'p99Micros') / at.of('load/100', 'socket.io+redis', 'p99Micros'),
  },
  {
    id: 'growth',
    title: 'CPU per delivery at 5,000 clients / at 100',
    bound: 'at most',
    limit: 1.2,
    figure: (at) => at.of('size-5000/busy', 'tertulia+redis') / at.of('size-100/busy', 'tertulia+redis'),
  },
  {
    id: 'nodes',
    title: 'CPU per delivery with three nodes / with one',
    bound: 'at most',
    limit: 1.3,
    figure: (at) => at.of('nodes/busy', 'tertulia+redis, 3 nodes') / at.of('room/busy', 'tertulia+redis'),
  },
  {
    id: 'memory',
    title: 'memory of an idle registered session at 10,000',
    bound: 'at most',
    limit: 11,
    unit: 'KB',
    figure: (at) => at.of('crowd/memory', 'tertulia+redis', 'each') / 1000,
  },
  {
    id: 'churn',
    title: 'memory after 10,000 came and went ten times / once, garbage collected',
    bound: 'at most',
    limit: 1.1,
    figure: (at) =>
      at.of('churn/memory-10', 'tertulia, collected', 'bytes') /
      at.of('churn/memory-1', 'tertulia, collected', 'bytes'),
  },
  {
    id: 'join',
    title: 'a registration through Redis, without the bytes of its list: Tertulia / Socket.IO',
    bound: 'at most',
    limit: 1.2,
    figure: (at) =>
      (at.of('crowd/join', 'tertulia+redis') -
        at.of('crowd/join', 'tertulia+redis', 'bytesEach') * at.listByte) /
      at.of('crowd/join', 'socket.io+redis'),
  },
  {
    id: 'leave',
    title: 'a leave, when all go at once: Tertulia / Socket.IO',
    bound: 'at most',
    limit: 1.2,
    figure: (at) => at.of('crowd/leave', 'tertulia+redis') / at.of('crowd/leave', 'socket.io+redis'),
  },
  {
    id: 'look-up-redis',
    title: 'requests to Redis for a user_info or list_users at 10,000',
    bound: 'at most',
    // Not nothing: nodes renew their leases meanwhile.
    limit: 0.01,
    figure: (at) =>
      Math.max(
        at.of('look-up/info-many', 'tertulia+redis', 'redisCommands'),
        at.of('look-up/list-many', 'tertulia+redis', 'redisCommands'),
      ),
  },
  {
    id: 'look-up-info',
    title: 'a user_info with 10,000 present / with 200',
    bound: 'at most',
    limit: 1.3,
    figure: (at) =>
      at.of('look-up/info-many', 'tertulia+redis') / at.of('look-up/info-few', 'tertulia+redis'),
  },
  {
    id: 'look-up-page',
    title: 'a page of GET /users with 10,000 present / with 200',
    bound: 'at most',
    limit: 1.3,
    figure: (at) =>
      at.of('look-up/page-many', 'tertulia+redis') / at.of('look-up/page-few', 'tertulia+redis'),
  },
  {
    id: 'slow',
    title: 'CPU per delivery with one client in 20 not reading / without them',
    bound: 'at most',
    limit: 1.1,
    figure: (at) => at.of('slow/with', 'tertulia+redis') / at.withoutSlow('cpu'),
  },
  {
    id: 'slow-p99',
    title: 'p99 of the others with one client in 20 not reading / without them',
    bound: 'at most',
    limit: 1.5,
    reached: 2.5,
    figure: (at) => at.of('slow/with', 'tertulia+redis', 'p99Micros') / at.withoutSlow('p99Micros'),
  },
  {
    id: 'slow-memory',
    title: `memory that ${SLOW_READERS} clients that do not read take at most, of their caps of 1 MiB`,
    bound: 'at most',
    limit: 1,
    figure: (at) =>
      (at.of('slow/with', 'tertulia+redis', 'peakBytes') -
        at.of('slow/before', 'tertulia+redis', 'peakBytes')) /
      (SLOW_READERS * 2 ** 20),
  },
  {
    id: 'slow-closed',
    title: `of ${SLOW_READERS} clients that do not read, closed once their outboxes were full`,
    bound: 'at least',
    limit: SLOW_READERS,
    figure: (at) => 500 - at.of('slow/left', 'tertulia+redis', 'present'),
  },
  {
    id: 'sender',
    title: 'to read, check and commit one broadcast at 40 senders, scaled',
    bound: 'at most',
    limit: 15,
    unit: 'µs',
    figure: (at) => {
      const small = at.of('senders-40/talk', 'tertulia+redis', 'cpuPerMessage')
      const large = at.of('senders-540/talk', 'tertulia+redis', 'cpuPerMessage')
      return (small - ((large - small) / 500) * 40) / at.scale
    },
  },
  {
    id: 'private',
    title: 'a private message from node to node at 10,000 a second, scaled',
    bound: 'at most',
    limit: 30,
    reached: 60,
    unit: 'µs',
    figure: (at) => at.of('private/private', 'tertulia+redis, 2 nodes') / at.scale,
  },
  {
    id: 'private-rate',
    title: 'private messages a second from node to node, of the 10,000 that were sent',
    bound: 'at least',
    limit: 9900,
    figure: (at) => at.of('private/private', 'tertulia+redis, 2 nodes', 'perSecond'),
  },
]

function latency(
  talk: string,
  quantile: 'p50Micros' | 'p99Micros',
  ours: ContenderName,
  theirs: ContenderName,
): Target {
  const [name] = quantile.split('M')
  return {
    id: `${talk}-${name}-${ours}`,
    title: `${name} of "${talk}": ${ours} / ${theirs}`,
    bound: 'at most',
    limit: 1,
    figure: (at) => at.of(`room/${talk}`, ours, quantile) / at.of(`room/${talk}`, theirs, quantile),
  }
}

export interface Verdict {
  readonly target: Target
  readonly figure: number
  /** `far`: twice as bad as the target, or as what is reached instead: no noise explains that. */
  readonly verdict: 'met' | 'missed' | 'far' | 'not measured'
}

export function judge(results: Results): Verdict[] {
  const reading = new Reading(results)
  return TARGETS.map((target) => {
    const figure = target.figure(reading)
    return { target, figure, verdict: verdictOn(target, figure) }
  })
}

function verdictOn({ bound, limit, reached = limit }: Target, figure: number): Verdict['verdict'] {
  if (Number.isNaN(figure)) return 'not measured'
  const excess = (of: number) => (bound === 'at most' ? figure / of : of / figure)
  if (excess(reached) > 2) return 'far'
  return excess(limit) > 1 ? 'missed' : 'met'
}
