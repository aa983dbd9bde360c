import { keyOf } from '../../../src/protocol/names.js'
import { until } from '../../support/until.js'
import type { Check } from '../check.js'
import { changeStatus, claim, join, leave, person, say, whisper } from '../people.js'
import { STARTED_AT, verdicts } from '../room.js'

const names = (users: Iterable<{ readonly name: string }>) => Array.from(users, ({ name }) => name)

export async function present(check: Check): Promise<void> {
  await check('everyone stands in the order of joining, on whatever node', async (t, room) => {
    const nodes = await room.three()
    const [a] = nodes
    const joined: string[] = []
    for (const name of ['z', 'Y', 'x', 'W', 'v', 'U', 't']) {
      await nodes[joined.length % 3]?.enter(name)
      joined.push(name)
    }
    const { users } = await a.catchUp()
    t.strictSame(names(users), joined)
    const orders = users.map(({ order }) => order)
    t.strictSame(
      orders,
      [...new Set(orders)].sort((one, other) => one - other),
      'each has a place of its own',
    )
    for (const node of nodes) {
      await node.catchUp()
      t.strictSame(node.present(), users)
    }
  })

  await check('a snapshot is what the events up to its position amount to', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enter('Ana')
    const beto = await b.enter('Beto')
    await a.enter('Carla')
    await b.done(changeStatus(beto, 'INACTIVO'), say(beto))
    await a.done(leave(ana), join(person('Dora')), join(person('Ana')))
    const snapshot = await a.catchUp()
    await b.catchUp()
    t.strictSame(names(snapshot.users), ['Beto', 'Carla', 'Dora', 'Ana'])
    t.strictSame(a.present(), snapshot.users)
    t.strictSame(b.present(), snapshot.users)
  })

  await check(
    'a snapshot is of one instant, also while much happens, and stays as it was',
    async (t, room) => {
      const [a, b] = await room.two()
      const guests = Array.from({ length: 60 }, (_, index) => person(`guest ${index}`))
      const coming = guests.map((guest) => a.commit(join(guest), say(guest)))
      const snapshots = await Promise.all(guests.map(() => b.backplane.snapshot()))
      const kept = structuredClone(snapshots)
      await Promise.all(coming)
      await b.catchUp()
      for (const { position, users } of snapshots) {
        const until = b.log.filter((event) => event.position.offset <= position.offset)
        const expected = until.flatMap((event) => (event.kind === 'joined' ? event.presence : []))
        t.strictSame([...users], expected, `at ${position.offset}`)
      }
      t.strictSame(snapshots, kept)
    },
  )

  await check('a place that is claimed is kept', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enter('Ana')
    const was = await a.presenceOf(ana)
    await a.enter('Beto')
    await a.done(leave(ana))
    await a.enter('Carla')
    const { session } = person('Ana')
    await b.done({ ...claim(was), session })
    const { users } = await b.catchUp()
    t.strictSame(names(users), ['Ana', 'Beto', 'Carla'])
    t.strictSame(users[0], { ...was, session, node: b.id })
    await a.catchUp()
    t.strictSame(a.present(), users)
    await b.enter('Dora')
    t.strictSame(names((await b.catchUp()).users), ['Ana', 'Beto', 'Carla', 'Dora'], 'newcomers stand last')
  })

  await check('who has a name is found by its key, from every node', async (t, room) => {
    const nodes = await room.two()
    const [a] = nodes
    const ana = await a.enter('Ana', { ip: '203.0.113.9', connectedAt: 5 })
    await a.done(changeStatus(ana, 'OCUPADO'))
    const { users } = await a.backplane.snapshot()
    for (const { backplane } of nodes) {
      const found = await backplane.find(person('ANA').key)
      t.match(found, { ...ana, node: a.id, ip: '203.0.113.9', connectedAt: 5, status: 'OCUPADO' })
      t.strictSame(found, users[0])
      t.equal(await backplane.find(person('An').key), undefined)
    }
    await a.done(leave(ana))
    for (const { backplane } of nodes) t.equal(await backplane.find(ana.key), undefined)
  })

  await check('a name with half a character belongs to nobody', async (t, room) => {
    const node = await room.node()
    const ana = await node.enter('Ana')
    const other = await node.enter('\ufffd')
    t.equal(await node.backplane.find(keyOf('\ud83d')), undefined)
    t.match(await node.backplane.find(other.key), { session: other.session })
    t.strictSame(verdicts(await node.commit(whisper(ana, '\ud83d'))), ['UNKNOWN_TARGET'])
  })

  await check('a name with control characters belongs to nobody', async (t, room) => {
    const node = await room.node()
    const ana = await node.enter('Ana')
    const beto = await node.enter('Beto')
    for (const name of ['beto\t', 'beto\t{}', 'beto\n', '\tbeto', '\t', '\n']) {
      t.equal(await node.backplane.find(keyOf(name)), undefined, JSON.stringify(name))
      t.strictSame(verdicts(await node.commit(whisper(ana, name), say(ana))), ['UNKNOWN_TARGET', 'ok'])
    }
    t.strictSame(verdicts(await node.commit(whisper(ana, beto.name))), ['ok'])
  })

  await check('the nodes are known, each with its sessions', async (t, room) => {
    const [a, b, c] = await room.three()
    for (const name of ['Ana', 'Beto', 'Carla']) await a.enter(name)
    const dora = await b.enter('Dora')
    const eva = await b.enter('Eva')
    await b.done(leave(dora), changeStatus(eva, 'OCUPADO'), say(eva))
    const expected = [
      { id: a.id, label: a.label, startedAt: STARTED_AT, sessions: 3 },
      { id: b.id, label: b.label, startedAt: STARTED_AT, sessions: 1 },
      { id: c.id, label: c.label, startedAt: STARTED_AT, sessions: 0 },
    ]
    for (const node of [a, b, c]) {
      await until('all of them', async () => (await node.backplane.nodes()).length === 3)
      const shown = await node.backplane.nodes()
      t.match(shown.toSorted(byLabel), expected)
      for (const { leaseMs } of shown) t.ok(leaseMs === null || leaseMs > 0, `lease ${leaseMs}`)
    }
  })
}

const byLabel = (one: { label: string }, other: { label: string }) => one.label.localeCompare(other.label)
