/**
 * Everything that strangers try, mixed at random against three nodes over a Redis of their own, while bystanders on each of them talk
 * and hold the servers to all that they get. `npm run abuse -- --minutes 10 --seed 42`. Ends with 1 and what was wrong, if anything was:
 * something that a bystander saw, a node that ended or complained, memory that did not come back.
 */
import { arguments_, fail } from '../support/arguments.js'
import { Cluster } from '../support/cluster.js'
import { Dice } from '../support/dice.js'
import { findRedis } from '../support/redis/find.js'
import { Arena, PROBED, type Probe } from './arena.js'
import type { AttackName } from './attacks/index.js'
import { SECRET } from './attacks/tokens.js'

/** How much of each attack there is in a round. */
const AMOUNTS: Readonly<Record<AttackName, number>> = {
  'frames fuzzed': 12_000,
  'handshakes fuzzed': 900,
  'frames flooded': 11_000,
  'slow readers': 3,
  'questions without reading': 16,
  'bytes one at a time': 10,
  'bytes a second apart': 12,
  'connections at once': 300,
  'connections that vanish': 1500,
  'registrations for one name': 600,
  'registrations with passwords': 20,
  'deep or huge JSON': 40,
  'forged senders': 1500,
  'junk tokens': 600,
  'tokens replayed': 50,
  'strings injected': 250,
  'keys injected': 40,
  'prototypes polluted': 450,
}
const NAMES = Object.keys(AMOUNTS).filter(isAttack)

/** What a node may hold more in the end than after every attack has been there once. */
const SLACK_BYTES = 16 * 1024 * 1024

/** So many attacks at the same time. */
const MOST_AT_ONCE = 3

const ENV = {
  ...PROBED,
  AUTH_JWT_SECRET: SECRET,
  RATE_PER_SECOND: '5000',
  RATE_BURST: '5000',
  ACCOUNT_CLAIMS_PER_DAY: '200',
}

const { minutes, seed } = arguments_('abuse', 1)
const redis = await findRedis()
if ('missing' in redis) fail(redis.missing)

const again = `npm run abuse -- --minutes ${minutes} --seed ${seed}`
console.log(`abuse: ${minutes} min, seed ${seed} (again: ${again})`)
const teardowns: (() => unknown)[] = []
const dice = new Dice(seed)
const counts = new Map<string, number>()
const scope = { teardown: (end: () => unknown) => teardowns.push(end) }
const cluster = await Cluster.start(scope, { env: ENV })
const arena = await Arena.open(scope, cluster.nodes, { dice, everyMs: 100 })
const problems: string[] = []
let rounds = 0
let before: Probe[] = []
const bag: AttackName[] = []
const end = performance.now() + minutes * 60_000
// Each attack once, in an order of the seed's, before any comes again; from then on memory counts.
while (problems.length === 0 && (performance.now() < end || before.length === 0)) {
  if (bag.length === 0) bag.push(...dice.shuffled(NAMES))
  const names = bag.splice(0, 1 + dice.below(MOST_AT_ONCE))
  rounds += 1
  problems.push(...(await play(names)))
  if (bag.length === 0 && before.length === 0) before = await arena.probe()
}
const after = problems.length === 0 ? await arena.probe() : []
for (const [index, { bytes, polluted }] of after.entries()) {
  const grown = bytes - (before[index]?.bytes ?? 0)
  const label = cluster.nodes[index]?.label
  console.log(`  ${label} holds ${megabytes(bytes)}, ${megabytes(grown)} more than after every attack once`)
  if (grown > SLACK_BYTES) problems.push(`${label} holds ${grown} bytes more than before`)
  if (polluted) problems.push(`what all objects of ${label} inherit has changed`)
}
for (const teardown of teardowns.reverse()) await teardown()

const { said, deliveries, longestMs } = arena.heard
console.log(
  `${rounds} rounds, ${said} broadcasts of bystanders, ${deliveries} deliveries checked, ${longestMs.toFixed()} ms at most; tried:`,
)
for (const [name, count] of [...counts].sort()) console.log(`  ${name}: ${count}`)
if (problems.length > 0) fail([`seed ${seed}, round ${rounds}:`, ...problems.slice(0, 50)].join('\n  '))
console.log('nobody was disturbed')
process.exit(0)

/** Some attacks at the same time, while bystanders talk. */
async function play(names: readonly AttackName[]): Promise<string[]> {
  const began = performance.now()
  const tried: string[] = []
  const problems = await arena.during(async () => {
    await Promise.all(
      names.map(async (name) => {
        const count = await arena.attack(name, AMOUNTS[name])
        counts.set(name, (counts.get(name) ?? 0) + count)
        tried.push(`${count} ${name}`)
      }),
    )
  })
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.log(`  round ${rounds}: ${tried.join(', ')}; ${problems.length} problems, ${seconds} s`)
  return problems
}

function isAttack(name: string): name is AttackName {
  return Object.hasOwn(AMOUNTS, name)
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}
