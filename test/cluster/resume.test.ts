/** Extended sessions lose no word, whatever happens to their node, or to Redis: with real processes. */
import t, { type Test } from 'tap'
import { Cluster, type ClusterNode } from '../support/cluster.js'
import { needsRedis } from '../support/redis/find.js'
import { Steadfast } from '../support/steadfast.js'
import { until } from '../support/until.js'

const options = await needsRedis(t)

const PATIENCE_MS = 60_000

/** So many on each node, who talk to each other. */
async function talking(cluster: Cluster, perNode: number): Promise<Steadfast[]> {
  const crowd: Steadfast[] = []
  const places = () => cluster.living
  for (let round = 1; round <= perNode; round += 1)
    for (const [at, { label }] of cluster.living.entries())
      crowd.push(await Steadfast.enter(places, `${label} ${round}`, at))
  for (const someone of crowd) someone.talk(crowd)
  await more(crowd)
  return crowd
}

/** Waits until everybody has said some more. */
async function more(crowd: readonly Steadfast[]): Promise<void> {
  const before = crowd.map(({ said }) => said.length)
  const goesOn = () => crowd.every(({ said }, index) => said.length > (before[index] ?? 0) + 10)
  await until('all talk on', goesOn, PATIENCE_MS)
}

/** All come to rest; each has heard everything, once, in the one order, and nobody was seen to leave. */
async function check(t: Test, crowd: readonly Steadfast[]): Promise<void> {
  for (const someone of crowd) await someone.stop()
  await until('all is acknowledged', () => crowd.every(({ isSettled }) => isSettled), PATIENCE_MS)
  const all = crowd.flatMap(({ said }) => said)
  const publicly = (one: Steadfast) =>
    one.heard.filter(({ type }) => type === 'broadcast').map(({ content }) => String(content))
  const privately = (one: Steadfast) => one.heard.filter(({ type }) => type === 'private')
  const [first] = crowd
  if (first === undefined) throw new Error('nobody is there')
  await until('the first has heard all', () => publicly(first).length >= all.length, PATIENCE_MS)
  const heard = publicly(first)
  t.same([...heard].sort(), [...all].sort(), 'each that was acknowledged once, and no others')
  for (const one of crowd) {
    const wanted = crowd.flatMap(({ told }) => told.filter(({ target }) => target === one.name))
    const isThere = () => publicly(one).length >= all.length && privately(one).length >= wanted.length
    await until(`${one.name} has heard all`, isThere, PATIENCE_MS)
    t.same(publicly(one), heard, `${one.name} hears it in the one order`)
    t.same(
      privately(one).map(({ seq }) => seq),
      wanted.map((_, index) => index + 1),
      `each message to ${one.name} once`,
    )
    t.same(
      privately(one)
        .map(({ content }) => content)
        .sort(),
      wanted.map(({ content }) => content).sort(),
    )
    for (const { name, said } of crowd) {
      const from = publicly(one).filter((content) => content.startsWith(`${name} says`))
      t.same(from, said, `and ${name} in the order in which that was said`)
    }
    t.notOk(
      one.heard.some(({ type }) => type === 'user_disconnected'),
      'nobody is seen to leave',
    )
  }
  t.ok(
    crowd.every(({ resumed }) => resumed.every(Boolean)),
    'everybody is taken up each time',
  )
}

/** All are there, as each node says. */
async function allPresent(t: Test, cluster: Cluster, crowd: readonly Steadfast[]): Promise<void> {
  const names = crowd.map(({ name }) => name)
  for (const { where, users } of await cluster.lists())
    t.same(
      users.map(({ name }) => name),
      names,
      `the list of ${where}`,
    )
}

async function leave(crowd: readonly Steadfast[]): Promise<void> {
  for (const someone of crowd) await someone.leave()
}

const swept = async (node: ClusterNode, names: readonly string[]): Promise<boolean> => {
  const users = await node.users()
  return names.every((name) => users.some((user) => user.name === name && user.node === ''))
}

t.test('nodes come and go', options, async (t) => {
  const cluster = await Cluster.start(t)

  for (const [when, waits] of [
    ['before anybody knows', false],
    ['after it was swept', true],
  ] as const) {
    await t.test(`a node is killed, and its clients come back ${when}`, async (t) => {
      const victim = cluster.living.at(-1)
      const witness = cluster.node('n1')
      if (victim === undefined) throw new Error('no node lives')
      const crowd = await talking(cluster, 2)
      const victims = crowd.filter(({ name }) => name.startsWith(victim.label))
      if (waits) for (const one of victims) one.stayAway()
      await victim.kill()
      if (waits) {
        const names = victims.map(({ name }) => name)
        await until('they are held', () => swept(witness, names), PATIENCE_MS)
        await more(crowd.filter((one) => !victims.includes(one)))
        await allPresent(t, cluster, crowd)
        for (const one of victims) one.comeBack()
      }
      await until('they are back', () => victims.every(({ resumed }) => resumed.length > 0), PATIENCE_MS)
      await more(crowd)
      await check(t, crowd)
      await allPresent(t, cluster, crowd)
      t.same(
        victims.map(({ closes }) => closes),
        [[1006], [1006]],
      )
      await leave(crowd)
      await cluster.addNode(`${victim.label}x`)
    })
  }

  await t.test('a rolling restart of all nodes', async (t) => {
    const crowd = await talking(cluster, 2)
    for (const [index, node] of [...cluster.living].entries()) {
      t.same(await node.terminate(), { code: 0, signal: null })
      await cluster.addNode(`r${index}`)
      await more(crowd)
    }
    await check(t, crowd)
    await allPresent(t, cluster, crowd)
    const codes = crowd.flatMap(({ closes }) => closes)
    t.ok(codes.length >= crowd.length)
    t.same(new Set(codes), new Set([1012]))
    await leave(crowd)
  })

  for (const [when, waits] of [
    ['before it was swept', false],
    ['after it was swept', true],
  ] as const) {
    await t.test(`a node is frozen, its clients go on elsewhere, and it wakes up ${when}`, async (t) => {
      const [one, two] = cluster.living
      if (one === undefined || two === undefined) throw new Error('too few nodes live')
      const crowd = await talking(cluster, 2)
      const sleepers = crowd.filter(({ name }) => name.startsWith(two.label))
      for (const someone of crowd) await someone.stop()
      two.freeze()
      // It has these, and has not read them.
      for (const someone of sleepers) {
        someone.say()
        someone.tell(crowd[0]?.name ?? '')
      }
      if (waits) {
        const names = sleepers.map(({ name }) => name)
        await until('they are held', () => swept(one, names), PATIENCE_MS)
      }
      const old = await Promise.all(sleepers.map((someone) => someone.moveTo(one)))
      const done = () => sleepers.every(({ isSettled }) => isSettled)
      await until('what they said is done', done, PATIENCE_MS)
      two.thaw()
      for (const { client } of old) t.equal((await client.closed(PATIENCE_MS)).code, 4005)
      await two.becomes('ready')
      for (const someone of crowd) someone.talk(crowd)
      await more(crowd)
      await check(t, crowd)
      await allPresent(t, cluster, crowd)
      await leave(crowd)
    })
  }
})

t.test('Redis restarts', options, async (t) => {
  // Each answer is on the disk before it is given.
  const cluster = await Cluster.start(t, { redis: { appendonly: true, appendfsync: 'always' } })
  const ready = () => Promise.all(cluster.nodes.map((node) => node.becomes('ready')))
  const cutOff = () => Promise.all(cluster.nodes.map((node) => node.becomes('cut-off')))

  await t.test('with its data: nothing is lost or doubled, whoever breaks off meanwhile', async (t) => {
    const crowd = await talking(cluster, 2)
    const [before, during] = crowd
    if (before === undefined || during === undefined) throw new Error('nobody is there')
    before.stayAway()
    before.extended.break()
    await until('he is held', () => swept(cluster.node('n1'), [before.name]), PATIENCE_MS)
    await cluster.redis.kill()
    await cutOff()
    during.extended.break()
    await cluster.redis.restart()
    await ready()
    before.comeBack()
    await until(
      'both are back',
      () => [before, during].every(({ resumed }) => resumed.length > 0),
      PATIENCE_MS,
    )
    await more(crowd)
    await check(t, crowd)
    await allPresent(t, cluster, crowd)
    await leave(crowd)
  })

  await t.test(
    'with nothing: everyone is told by resumed: false, connected or held, and can go on',
    async (t) => {
      const crowd = await talking(cluster, 2)
      const [held] = crowd
      if (held === undefined) throw new Error('nobody is there')
      for (const someone of crowd) await someone.stop()
      held.stayAway()
      held.extended.break()
      await until('he is held', () => swept(cluster.node('n1'), [held.name]), PATIENCE_MS)
      await cluster.redis.restartEmpty()
      await ready()
      held.comeBack()
      const told = () => crowd.every(({ resumed }) => resumed.includes(false))
      await until('all are told', told, PATIENCE_MS)
      t.same(new Set(crowd.slice(1).flatMap(({ closes }) => closes)), new Set([1012]))
      const present = async () => {
        const lists = await cluster.lists()
        return lists.every(({ users }) => crowd.every(({ name }) => users.some((user) => user.name === name)))
      }
      await until('all are there again', present, PATIENCE_MS)
      for (const someone of crowd) someone.talk(crowd)
      await more(crowd)
      for (const someone of crowd) await someone.stop()
      const texts = crowd.map(({ heard }) =>
        heard.filter(({ type }) => type === 'broadcast').map(({ content }) => content),
      )
      for (const heard of texts) t.equal(new Set(heard).size, heard.length, 'nothing is doubled')
      await leave(crowd)
    },
  )
})
