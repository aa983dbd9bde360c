/**
 * Fifty clients of the library on three nodes, behind what balances them; nodes are killed, ended and frozen, Redis is restarted with its
 * data, connections are cut, at random, for as long as you like. In the end every client must have seen the same messages in the same
 * order, all that was acknowledged, and nothing twice. `npm run chaos -- --minutes 10 --seed 42`.
 */
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { arguments_, fail } from '../support/arguments.js'
import { Cluster, type ClusterNode, LEASE_MS } from '../support/cluster.js'
import { Dice } from '../support/dice.js'
import { findRedis } from '../support/redis/find.js'
import { until } from '../support/until.js'
import { Balancer } from './balancer.js'
import { contradictions, type Saying } from './books.js'
import { Talker } from './talker.js'

const NODES = 3
const CROWD = 50
/** About how long everyone pauses between two things that he says. */
const PAUSE_MS = 500
/** How long everything may take to come to rest in the end. */
const PATIENCE_MS = 60_000

const ENV = {
  RESUME_GRACE_MS: '30000',
  // All of them come from one address, and come back at once.
  REGISTRATIONS_PER_MINUTE: '0',
  COMMIT_TIMEOUT_MS: '10000',
}

const { minutes, seed } = arguments_('chaos', 2)
const redis = await findRedis()
if ('missing' in redis) fail(redis.missing)

console.log(
  `chaos: ${minutes} min, seed ${seed} (again: npm run chaos -- --minutes ${minutes} --seed ${seed})`,
)
const teardowns: (() => unknown)[] = []
const dice = new Dice(seed)
// Each answer is on the disk before it is given.
const cluster = await Cluster.start(
  { teardown: (end: () => unknown) => teardowns.push(end) },
  { nodes: NODES, redis: { appendonly: true, appendfsync: 'always' }, env: ENV },
)
const balancer = await Balancer.start(() => {
  const open = cluster.living.filter((node) => !away.has(node))
  return open.length === 0 ? undefined : portOf(dice.pick(open))
})
teardowns.push(() => balancer.close())

/** Nodes that nobody is sent to: they are starting, ending or frozen. */
const away = new Set<ClusterNode>()
const sayings: Saying[] = []
const crowd = Array.from(
  { length: CROWD },
  (_, index) => new Talker(balancer.url, `Talker ${index + 1}`, sayings, () => dice.roll()),
)
let nodes = NODES

type Fault = () => Promise<string>

const FAULTS: readonly Fault[] = [
  () => replace('killed', (node) => node.kill()),
  () => replace('ended', (node) => node.terminate()),
  async () => {
    const node = dice.pick(cluster.living)
    node.freeze()
    await sleep(dice.roll() * 2 * LEASE_MS)
    node.thaw()
    return `${node.label} frozen`
  },
  async () => {
    await cluster.redis.kill()
    await sleep(dice.roll() * LEASE_MS)
    await cluster.redis.restart()
    return 'Redis restarted'
  },
  async () => `${balancer.cut(() => dice.happens(0.5))} connections cut`,
  async () => `${balancer.cut(() => true)} connections cut, all`,
]

const problems: string[] = []
const began = performance.now()
try {
  await Promise.all(crowd.map((talker) => talker.enter()))
  // What was said before somebody entered he does not know.
  for (const { messages } of crowd) messages.length = 0
  const stop = new AbortController()
  setMaxListeners(0, stop.signal)
  const talking = crowd.map((talker) => talker.talk(dice, crowd, PAUSE_MS, stop.signal))
  const end = performance.now() + minutes * 60_000
  while (performance.now() < end) {
    const what = await dice.pick(FAULTS)()
    console.log(`  ${elapsed()} s: ${what}; ${sayings.length} said`)
    await sleep(300 + dice.roll() * 1500)
  }
  stop.abort()
  await Promise.all(talking)
  await until('everyone is back, and has his answers', isQuiet, PATIENCE_MS)
  // Behind this one nothing is on its way.
  await crowd[0]?.announce('the last word')
  const last = 'the last word'
  await until(
    'everyone has the last word',
    () => crowd.every(({ messages }) => messages.includes(last)),
    PATIENCE_MS,
  )
} catch (error) {
  problems.push(String(error instanceof Error ? error.stack : error), ...stragglers())
}
problems.push(...contradictions(sayings, crowd))
await Promise.all(crowd.map((talker) => talker.leave().catch(() => {})))
for (const teardown of teardowns.reverse()) await teardown()

const count = (fate: Saying['fate']) => sayings.filter((saying) => saying.fate === fate).length
const seen = crowd.reduce((sum, { messages, privates }) => sum + messages.length + privates.length, 0)
const returns = crowd.reduce((sum, talker) => sum + talker.returns, 0)
const refusals = new Map<string, number>()
for (const talker of crowd)
  for (const [code, times] of talker.refusals) refusals.set(code, (refusals.get(code) ?? 0) + times)
const why = [...refusals].map(([code, times]) => ` (${code}: ${times})`).join('')
console.log(
  `${sayings.length} said: ${count('acknowledged')} acknowledged, ${count('refused')} refused${why}, ${count('undecided')} undecided;`,
  `${returns} sessions taken up; ${seen} deliveries checked; ${elapsed()} s`,
)
if (count('undecided') > 0) problems.push('nothing should be undecided: no session was lost')
if (problems.length > 0) fail([`seed ${seed}:`, ...problems.slice(0, 50)].join('\n  '))
console.log('everyone saw the same, everything, once')
process.exit(0)

function isQuiet(): boolean {
  return crowd.every(({ online, pending }) => online && pending === 0)
}

function stragglers(): string[] {
  return crowd
    .filter(({ online, pending }) => !online || pending > 0)
    .map(
      ({ name, online, pending }) =>
        `${name} ${online ? 'is' : 'is not'} online, and waits for ${pending} answers`,
    )
}

/** Ends a node, and starts another in its place. */
async function replace(how: string, end: (node: ClusterNode) => Promise<unknown>): Promise<string> {
  const node = dice.pick(cluster.living)
  away.add(node)
  await end(node)
  nodes += 1
  const label = `n${nodes}`
  const fresh = await cluster.launch(label)
  away.add(fresh)
  await fresh.becomes('ready')
  away.delete(fresh)
  return `${node.label} ${how}, ${label} started`
}

function portOf({ url }: ClusterNode): number {
  return Number(new URL(url).port)
}

function elapsed(): string {
  return ((performance.now() - began) / 1000).toFixed(1)
}
