/** One attack as a test: it is tried, and afterwards everything is as it was before. */
import type { Test } from 'tap'
import { ADMIN_TOKEN, Cluster, ClusterNode } from '../support/cluster.js'
import { Dice } from '../support/dice.js'
import { needsRedis } from '../support/redis/find.js'
import { startServer } from '../support/server-process.js'
import { until } from '../support/until.js'
import { Arena, PROBED } from './arena.js'
import type { AttackName } from './attacks/index.js'
import { PATIENCE_MS } from './ground.js'

/** What a node may hold more than before, once garbage is collected: what compiled code and caches take, and no leak. */
const SLACK_BYTES = 4 * 1024 * 1024

/** A part of the attack goes before the measuring: code is compiled, and what is kept for reuse is there. */
const WARM_UP = 0.1

export interface Endured {
  readonly attack: AttackName
  readonly amount: number
  /** Variables of the server beside the defaults. */
  readonly env?: Readonly<Record<string, string>>
  /** Over a Redis, so many nodes; without, one in memory. */
  readonly nodes?: number
  /** How long it takes at least, because it is slowed. */
  readonly leastMs?: number
  /** How long a bystander pauses: where there are many to hear it, longer. */
  readonly everyMs?: number
}

/** Chance of a test; ABUSE_SEED repeats what a run tried. */
export function diceFor(t: Test): Dice {
  const { ABUSE_SEED } = process.env
  const seed = Number(ABUSE_SEED ?? Math.floor(Math.random() * 2 ** 32))
  t.comment(`ABUSE_SEED=${seed}`)
  return new Dice(seed)
}

/** Adds a test for an attack. */
export async function endures(t: Test, what: string, endured: Endured): Promise<void> {
  const { attack, amount, env, nodes = 0, leastMs = 0, everyMs = 50 } = endured
  const { skip } = nodes > 0 ? await needsRedis(t) : { skip: false }
  await t.test(what, { skip, timeout: 120_000 }, async (t) => {
    const variables = { ...PROBED, RATE_PER_SECOND: '0', ...env }
    const arena = await Arena.open(t, await open(t, nodes, variables), { dice: diceFor(t), everyMs })
    await undergo(t, arena, attack, Math.ceil(amount * WARM_UP))
    const before = await arena.probe()
    const began = performance.now()
    const tried = await undergo(t, arena, attack, amount)
    t.ok(performance.now() - began >= leastMs, `it took ${leastMs} ms at least`)
    const after = await until(
      `no more sockets than ${before.map(({ sockets }) => sockets)}`,
      async () => {
        const now = await arena.probe()
        return now.every(({ sockets }, index) => sockets <= (before[index]?.sockets ?? 0)) && now
      },
      PATIENCE_MS,
    )
    if (after === false) return
    for (const [index, { bytes, polluted }] of after.entries()) {
      const grown = bytes - (before[index]?.bytes ?? 0)
      t.ok(grown < SLACK_BYTES, `memory is back: ${grown} bytes more than before`)
      t.notOk(polluted, 'what all objects inherit is as it was')
    }
    const { said, deliveries, longestMs } = arena.heard
    t.pass(
      `${tried} inputs tried; ${said} broadcasts of bystanders, ${deliveries} deliveries checked, ${longestMs.toFixed()} ms at most`,
    )
  })
}

async function undergo(t: Test, arena: Arena, attack: AttackName, amount: number): Promise<number> {
  let tried = 0
  const problems = await arena.during(async () => {
    tried = await arena.attack(attack, amount)
  })
  t.same(problems.slice(0, 20), [], 'nobody saw anything wrong')
  return tried
}

async function open(t: Test, nodes: number, env: Record<string, string>): Promise<readonly ClusterNode[]> {
  if (nodes > 0) return (await Cluster.start(t, { nodes, env })).nodes
  return [new ClusterNode('n1', await startServer(t, { ADMIN_TOKEN, ...env }), undefined)]
}
