import t, { type Test } from 'tap'
import { Cluster } from '../support/cluster.js'
import { needsRedis } from '../support/redis/find.js'
import { Arena, PROBED } from './arena.js'
import { SECRET } from './attacks/tokens.js'
import { diceFor, endures } from './endure.js'

await endures(t, '2,000 strings with what logs are made of, in every place, read by every node', {
  attack: 'strings injected',
  amount: 2000,
  nodes: 2,
  everyMs: 100,
})

/** Everything that is kept, by key, with its type. */
async function keysOf({ redis }: Cluster, pattern: string): Promise<string[]> {
  const keys = await redis.call('KEYS', pattern)
  return Array.isArray(keys) ? keys.map(String).sort() : []
}

async function prepare(t: Test) {
  const env = {
    ...PROBED,
    RATE_PER_SECOND: '0',
    ACCOUNT_CLAIMS_PER_DAY: '1000000',
    AUTH_JWT_SECRET: SECRET,
  }
  const cluster = await Cluster.start(t, { nodes: 2, env })
  const arena = await Arena.open(t, cluster.nodes, { dice: diceFor(t), each: 1, everyMs: 100 })
  return { cluster, arena }
}

const redis = await needsRedis(t)

t.test('120 names made of keys and patterns: nothing else in Redis is touched', redis, async (t) => {
  const { cluster, arena } = await prepare(t)
  const others = ['{other}:users', 'users', 'x', '{tertulia}x', '*']
  for (const key of others) await cluster.redis.call('SET', key, 'untouched')
  const before = await keysOf(cluster, '{tertulia}:*')
  const problems = await arena.during(async () => {
    await arena.attack('keys injected', 120)
  })
  t.same(problems, [])
  for (const key of others) t.equal(await cluster.redis.call('GET', key), 'untouched')
  const kept =
    /^\{tertulia\}:(count:|(meta|log|marks|users|nodes|swept|bans|history|index:account)$|(node|owned):[^:]+$)/
  const after = await keysOf(cluster, '*')
  t.same(
    after.filter((key) => !others.includes(key) && !kept.test(key) && !before.includes(key)),
    [],
    'every key is one of ours',
  )
  t.pass('120 names tried')
})

t.test('a node that comes later, and one that lost its connection, read all of it too', redis, async (t) => {
  const { cluster, arena } = await prepare(t)
  const problems = await arena.during(async () => {
    await arena.attack('strings injected', 150)
    await cluster.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub', 'SKIPME', 'yes')
    await arena.attack('strings injected', 150)
    const late = await cluster.addNode('late')
    await arena.attack('strings injected', 100, [...cluster.nodes, late])
  })
  t.same(problems, [])
  t.pass('400 strings tried')
})
