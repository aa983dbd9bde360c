/**
 * Three nodes over one Redis, many clients that talk, come and go, and faults at random, for as long as you like; after every
 * round the books are balanced (test/support/ledger). `npm run soak -- --minutes 10 --seed 42`. Ends with 1, the seed and the
 * contradictions when there are any.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { arguments_, fail } from '../support/arguments.js'
import { Cluster } from '../support/cluster.js'
import { balance } from '../support/ledger/balance.js'
import { Chatter } from '../support/ledger/chatter.js'
import { Ledger } from '../support/ledger/ledger.js'
import { Participant } from '../support/ledger/participant.js'
import { findRedis } from '../support/redis/find.js'
import { inflict } from './faults.js'
import { described, type Fault, type Move, type Round, rounds } from './schedule.js'

const NODES = 3
const CROWD = 12
/** How long everybody talks undisturbed before a fault, and after it. */
const QUIET_MS = 300

const { minutes, seed } = arguments_('soak', 2)
const found = await findRedis()
if ('missing' in found) fail(found.missing)

const teardowns: (() => unknown)[] = []
const ledger = new Ledger()
const totals = { rounds: 0, accepted: 0, refused: 0, delivered: 0, joins: 0 }
let crowd: Participant[] = []

console.log(`soak: ${minutes} min, seed ${seed} (again: npm run soak -- --minutes ${minutes} --seed ${seed})`)
// Each answer is on the disk before it is given, and nobody's patience ends before Redis is back.
const cluster = await Cluster.start(
  { teardown: (end: () => unknown) => teardowns.push(end) },
  { nodes: NODES, proxied: true, redis: { appendonly: true, appendfsync: 'always' } },
)
const end = performance.now() + minutes * 60_000
let problems: string[] = []
try {
  for (const round of rounds(seed, NODES)) {
    problems = await play(round)
    if (problems.length > 0 || performance.now() > end) break
  }
} catch (error) {
  problems = [String(error instanceof Error ? error.stack : error)]
}
for (const teardown of teardowns.reverse()) await teardown()
const { rounds: played, joins, accepted, refused, delivered } = totals
console.log(
  `${played} rounds, ${joins} sessions, ${accepted} broadcasts receipted, ${refused} refused, ${delivered} deliveries checked`,
)
if (problems.length > 0) fail([`seed ${seed}, round ${played}:`, ...problems.slice(0, 50)].join('\n  '))
console.log('no contradiction')
process.exit(0)

/** One round: talk, a fault, talk; then what everybody saw has to fit together. */
async function play({ number, fault, moves }: Round): Promise<string[]> {
  totals.rounds = number
  const began = performance.now()
  process.stdout.write(`  round ${number}: ${described(fault)}: `)
  for (let missing = CROWD - crowd.length, name = 0; missing > 0; name += 1)
    if (await enter(`Stayer ${number}-${name}`, name)) missing -= 1
  const chatter = new Chatter(crowd)
  await sleep(QUIET_MS)
  const [excuses] = await Promise.all([inflict(fault, cluster, ledger), moveAll(moves)])
  await Promise.all(cluster.nodes.map((node) => node.becomes('ready')))
  await sleep(QUIET_MS)
  await chatter.stop()
  const found = [...thrownOut(fault), ...(await balance(ledger, crowd, () => cluster.lists(), excuses))]
  totals.accepted += chatter.counts.accepted
  totals.refused += chatter.counts.refused
  totals.delivered += ledger.accounts.reduce((sum, { sights }) => sum + sights.length, 0)
  const took = ((performance.now() - began) / 1000).toFixed(1)
  const { accepted, refused } = chatter.counts
  console.log(`${accepted} receipted, ${refused} refused, ${took} s`)
  const page = found.length > 0 ? pageOf(found) : []
  ledger.turnPage()
  crowd = crowd.filter(({ account }) => account.present)
  return [...found, ...page]
}

/** Those whose node lives stay connected, whatever happens. */
function thrownOut({ kind }: Fault): string[] {
  if (['kill', 'terminate', 'kill-in-restart'].includes(kind)) return []
  return crowd
    .filter(({ account: { name, present } }) => name.startsWith('Stayer') && !present)
    .map(({ account: { name, closeCode } }) => `${name} was thrown out: ${closeCode}`)
}

/** What the books say of those whom contradictions name. */
function pageOf(problems: readonly string[]): string[] {
  const text = problems.join('\n')
  const named = ledger.accounts.filter(({ name }) => text.includes(name))
  return named.map(({ name, where, askedAt, joinedAt, since, endedAt, closeCode, rejection, doubts }) =>
    JSON.stringify({ name, where, askedAt, joinedAt, since, endedAt, closeCode, rejection, doubts }),
  )
}

async function moveAll(moves: readonly Move[]): Promise<void> {
  const began = performance.now()
  const entering: Promise<unknown>[] = []
  for (const { atMs, kind, pick, name } of moves) {
    await sleep(Math.max(0, began + atMs - performance.now()))
    if (kind === 'join') {
      entering.push(enter(`Guest ${name}`, pick))
      continue
    }
    // Guests go; those who stay are the ones who have to see everything.
    const guests = crowd.filter(({ account }) => account.present && account.name.startsWith('Guest'))
    const guest = guests[pick % guests.length]
    if (kind === 'break') guest?.break()
    else if (guest) entering.push(guest.leave().catch(() => guest.break()))
  }
  await Promise.all(entering)
}

/** Somebody comes, if a node can be reached and the name is free. */
async function enter(name: string, pick: number): Promise<boolean> {
  const node = cluster.living[pick % cluster.living.length]
  if (node === undefined) return false
  try {
    const participant = await Participant.try(ledger, node, name)
    if (participant.account.rejection !== undefined) {
      participant.break()
      return false
    }
    totals.joins += 1
    crowd.push(participant)
    return true
  } catch {
    // Its node is not taking anybody, or ended while it came.
    return false
  }
}
