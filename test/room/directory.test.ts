import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { STATUSES } from '../../src/protocol/frames.js'
import { keyOf } from '../../src/protocol/names.js'
import { Directory } from '../../src/room/directory.js'
import type { Event, Presence } from '../../src/room/events.js'
import { history, keyOfEvent, presentAfter } from './arbitraries.js'
import {
  at,
  banned,
  banOf,
  changed,
  erased,
  held,
  joined,
  left,
  removed,
  said,
  someone,
  unbanned,
} from './samples.js'

const ana = someone('Ana', 1)
const beto = someone('Beto', 2)
const carla = someone('Carla', 3)
const room = (...users: Presence[]) => new Directory({ position: at(9), users, bans: [] })
const names = (users: Iterable<Presence>) => Array.from(users, ({ name }) => name)

/** The list as JSON. */
const listOf = ({ userList }: Directory) => `[${Buffer.from(userList)}]`

function after(events: readonly Event[], directory = room()): Directory {
  for (const event of events) directory.apply(event)
  return directory
}

t.test('it begins with a snapshot, in the order of joining', async (t) => {
  const directory = room(carla, ana, beto)
  t.strictSame(directory.position, at(9))
  t.equal(directory.size, 3)
  t.strictSame([...directory.users()], [ana, beto, carla])
  t.equal(listOf(directory), '["Ana","Beto","Carla"]')
})

t.test('an empty room is a list without names', async (t) => {
  t.equal(listOf(room()), '[]')
  t.strictSame(room().page({ after: -Infinity, limit: 1 }), { users: [], total: 0, next: undefined })
  t.equal(listOf(after([joined(ana, 1), left(ana, 2)])), '[]')
})

t.test('1.3 a name is looked up by its key', async (t) => {
  t.strictSame(room(ana, beto).get(keyOf('ANA')), ana)
  t.equal(room(ana).get(keyOf('Beto')), undefined)
})

t.test('1.4 the newest stands last in the list', async (t) => {
  const directory = room()
  t.equal(listOf(directory), '[]')
  const lists = [ana, beto, carla].map((one) => after([joined(one, one.order)], directory).userList)
  t.strictSame(
    lists.map((list) => `[${Buffer.from(list)}]`),
    ['["Ana"]', '["Ana","Beto"]', '["Ana","Beto","Carla"]'],
  )
})

t.test('who is claimed again stands where it stood', async (t) => {
  const directory = room(ana, carla)
  t.equal(listOf(directory), '["Ana","Carla"]')
  t.equal(listOf(after([joined(beto, 10)], directory)), '["Ana","Beto","Carla"]')
})

/** The list with everyone's status, read. */
const statesOf = ({ stateList }: Directory): unknown => JSON.parse(`[${Buffer.from(stateList)}]`)
const states = (...users: Presence[]) => users.map(({ name, status }) => ({ name, status }))

t.test('part 2, 1: everyone is listed with the status, in the order of joining', async (t) => {
  const directory = room(beto, ana)
  t.strictSame(statesOf(directory), states(ana, beto))
  t.equal(`${Buffer.from(directory.stateList)}`.slice(0, 32), '{"name":"Ana","status":"ACTIVO"}')
  t.strictSame(statesOf(after([joined(carla, 10)], directory)), states(ana, beto, carla))
  t.strictSame(statesOf(after([changed(ana, 'OCUPADO', 11)], directory)), [
    { name: 'Ana', status: 'OCUPADO' },
    ...states(beto, carla),
  ])
  t.strictSame(statesOf(after([left(beto, 12)], directory)), [
    { name: 'Ana', status: 'OCUPADO' },
    ...states(carla),
  ])
  t.strictSame(statesOf(room()), [])
})

t.test('part 2, 3: who is held stays where he was, without a node, until he goes on or leaves', async (t) => {
  const owner = someone('Ana', 1, { extended: true, account: 'a1', status: 'OCUPADO' })
  const directory = after([held(owner, 10)], room(beto, owner))
  t.strictSame([...directory.users()], [{ ...owner, node: '', held: true }, beto])
  t.strictSame(directory.position, at(10))
  t.equal(listOf(directory), '["Ana","Beto"]')
  t.strictSame(statesOf(directory), states(owner, beto))
  t.equal(directory.page({ after: 0, limit: 1, status: 'OCUPADO' }).total, 1)
  const fresh = { ...owner, session: 'fresh', node: 'n2' }
  t.strictSame([...after([joined(fresh, 11)], directory).users()], [fresh, beto])
  t.strictSame([...after([held(fresh, 12), left(fresh, 13)], directory).users()], [beto])
  t.strictSame([...after([held(carla, 14)], directory).users()], [beto], 'who is not there is not held')
})

t.test('what is taken out of the history changes nothing but the position', async (t) => {
  const directory = after([erased(3, 10)], room(ana))
  t.strictSame([...directory.users()], [ana])
  t.strictSame(directory.position, at(10))
})

t.test('a list that was given out stays as it was, however much is added', async (t) => {
  const directory = room()
  const lists: Uint8Array[] = []
  const crowd = Array.from({ length: 2000 }, (_, index) => someone(`Usuaria número ${index} 🦊`, index + 1))
  for (const one of crowd) lists.push(after([joined(one, one.order)], directory).userList)
  for (const index of [0, 1, 7, 250, 1999])
    t.equal(`[${Buffer.from(lists[index] ?? [])}]`, JSON.stringify(names(crowd.slice(0, index + 1))))
  t.equal(directory.userList.buffer, lists.at(-1)?.buffer, 'written once, however many ask')
})

t.test('who leaves is off the list', async (t) => {
  const directory = room(ana, beto, carla)
  t.equal(listOf(directory), '["Ana","Beto","Carla"]')
  t.equal(listOf(after([left(beto, 10)], directory)), '["Ana","Carla"]')
  t.equal(directory.get(beto.key), undefined)
  t.equal(directory.size, 2)
})

t.test('a name whose session is taken over changes its owner', async (t) => {
  const other = someone('ANA', 10, { node: 'n2' })
  const directory = after([joined(other, 10)], room(ana, beto))
  t.strictSame(directory.get(ana.key), other)
  t.strictSame(names(directory.users()), ['Beto', 'ANA'])
  t.equal(directory.size, 2)
})

t.test('who takes himself over stays where he stood', async (t) => {
  const before = room(ana, beto, carla)
  t.equal(listOf(before), '["Ana","Beto","Carla"]')
  for (const [who, list] of [
    [ana, '["ANA","Beto","Carla"]'],
    [carla, '["Ana","Beto","CARLA"]'],
  ] as const) {
    const directory = room(ana, beto, carla)
    t.equal(listOf(directory), '["Ana","Beto","Carla"]')
    const fresh: Presence = {
      ...who,
      name: who.name.toUpperCase(),
      session: 'fresh',
      node: 'n2',
      status: 'OCUPADO',
    }
    after([joined(fresh, 10)], directory)
    t.equal(listOf(directory), list)
    t.equal(directory.size, 3)
    t.strictSame(directory.get(who.key), fresh)
    const busy = directory.page({ after: -Infinity, limit: 9, status: 'OCUPADO' })
    t.strictSame(busy, { users: [fresh], total: 1, next: undefined })
    t.equal(listOf(after([joined(someone('Dora', 11), 11)], directory)), list.replace(']', ',"Dora"]'))
  }
})

t.test('who is removed is off the list', async (t) => {
  const directory = after([removed(beto, 10)], room(ana, beto, carla))
  t.equal(listOf(directory), '["Ana","Carla"]')
  t.equal(directory.get(beto.key), undefined)
  t.equal(directory.size, 2)
  t.strictSame(directory.position, at(10))
})

t.test('bans are those of the snapshot and of the events since', async (t) => {
  const [one, two, three] = [banOf('1'), banOf('2'), banOf('3', { expiresAt: 1000 })]
  const directory = new Directory({ position: at(9), users: [ana], bans: [one] })
  after([banned(two, 10), banned(three, 11), unbanned(one, 12)], directory)
  t.strictSame(directory.bans.all(999), [two, three])
  t.strictSame(directory.bans.all(1000), [two])
  t.strictSame([...directory.users()], [ana], 'nobody leaves for that')
  t.strictSame(directory.position, at(12))
  after([unbanned(one, 13), unbanned(two, 14)], directory)
  t.strictSame(directory.bans.all(0), [])
})

t.test('a status changes what is known of a user, and not a presence that was handed out', async (t) => {
  const directory = room(ana)
  const before = directory.get(ana.key)
  after([changed(ana, 'OCUPADO', 10)], directory)
  t.equal(before?.status, 'ACTIVO')
  t.strictSame(directory.get(ana.key), { ...ana, status: 'OCUPADO' })
})

t.test('an event about somebody unknown changes the position alone', async (t) => {
  const directory = after([left(beto, 10), changed(beto, 'OCUPADO', 11), said(beto, 12)], room(ana))
  t.strictSame([...directory.users()], [ana])
  t.strictSame(directory.position, at(12))
})

t.test('the position is that of the last event, or where it is moved to', async (t) => {
  const directory = after([joined(ana, 10), said(ana, 11)])
  t.strictSame(directory.position, at(11))
  directory.moveTo({ epoch: 'e2', offset: 3 })
  t.strictSame(directory.position, { epoch: 'e2', offset: 3 })
})

t.test('a page has at most as many as are asked for, and says where the next begins', async (t) => {
  const directory = room(ana, beto, carla)
  const first = directory.page({ after: -Infinity, limit: 2 })
  t.strictSame(first, { users: [ana, beto], total: 3, next: 2 })
  t.strictSame(directory.page({ after: 2, limit: 2 }), { users: [carla], total: 3, next: undefined })
  const whole = directory.page({ after: -Infinity, limit: 3 })
  t.strictSame(whole, { users: [ana, beto, carla], total: 3, next: undefined })
})

t.test('a page can be of one status, and so is its total', async (t) => {
  const directory = after([changed(beto, 'OCUPADO', 10)], room(ana, beto, carla))
  const active = directory.page({ after: -Infinity, limit: 1, status: 'ACTIVO' })
  t.strictSame(active, { users: [ana], total: 2, next: 1 })
  const rest = directory.page({ after: 1, limit: 1, status: 'ACTIVO' })
  t.strictSame(rest, { users: [carla], total: 2, next: undefined }, 'nobody of it is left')
  t.strictSame(directory.page({ after: -Infinity, limit: 9, status: 'INACTIVO' }).total, 0)
})

t.test('after any history it is what a naive model is', async () => {
  const asked = fc.infiniteStream(fc.boolean())
  const property = fc.property(history(), asked, (events, ask) => {
    const directory = room()
    for (const [index, event] of events.entries()) {
      directory.apply(event)
      if (ask.next().value && index < events.length - 1) continue
      const users = presentAfter(events.slice(0, index + 1))
      assert.deepEqual([...directory.users()], users)
      assert.equal(listOf(directory), JSON.stringify(names(users)))
      assert.equal(directory.size, users.length)
      assert.deepEqual(directory.position, event.position)
      for (const user of users) assert.deepEqual(directory.get(user.key), user)
      for (const status of STATUSES) {
        const page = directory.page({ after: -Infinity, limit: 1000, status })
        const some = users.filter((user) => user.status === status)
        assert.deepEqual(page, { users: some, total: some.length, next: undefined })
      }
    }
  })
  fc.assert(property, { numRuns: 100 })
})

t.test('paging visits everyone who stays exactly once, whoever comes and goes meanwhile', async () => {
  const crowd = Array.from({ length: 40 }, (_, index) => someone(`u"${index}"`, index + 1))
  const paged = fc.record({
    events: history(crowd, 80),
    limit: fc.integer({ min: 1, max: 9 }),
    between: fc.nat(20),
    status: fc.constantFrom(undefined, ...STATUSES),
  })
  const property = fc.property(paged, ({ events, limit, between, status }) => {
    const directory = room(...crowd)
    const remaining = [...events]
    const visited: Presence[] = []
    for (let cursor: number | undefined = -Infinity; cursor !== undefined; ) {
      const page = directory.page({ after: cursor, limit, status })
      assert.ok(page.users.length <= limit)
      visited.push(...page.users)
      cursor = page.next
      for (const event of remaining.splice(0, between)) directory.apply(event)
    }
    const orders = visited.map(({ order }) => order)
    assert.deepEqual(
      orders,
      [...new Set(orders)].sort((a, b) => a - b),
      'in order, nobody twice',
    )
    const applied = events.slice(0, events.length - remaining.length)
    const touched = new Set(applied.map(keyOfEvent))
    const stayed = crowd.filter((user) => !touched.has(user.key) && user.status === (status ?? user.status))
    for (const user of stayed) assert.ok(visited.includes(user), `${user.name} stayed`)
  })
  fc.assert(property, { numRuns: 200 })
})
