import t, { type Test } from 'tap'
import type { Account, Message } from './account.js'
import type { Excuses } from './deliveries.js'
import { Ledger } from './ledger.js'

/** A room without servers: what clients hear is said here. */
class Room {
  readonly ledger = new Ledger()
  readonly names: string[] = []

  join(name: string, where = 'n1'): Account {
    const account = this.ledger.open(name, where)
    this.names.push(name)
    hear(account, { type: 'register_success', userList: [...this.names] })
    return account
  }

  /** Broadcasts something that these see. */
  say(from: Account, ...witnesses: Account[]): Message {
    const message = from.send('broadcast', this.ledger.content(from.name))
    for (const witness of witnesses) see(witness, message)
    return message
  }

  tell(from: Account, to: Account): Message {
    return from.send('private', this.ledger.content(from.name), to)
  }

  /** Checks the books, with lists that are right unless others are given. */
  check(t: Test, expected: readonly (string | RegExp)[], lists?: readonly string[][], excuses: Excuses = {}) {
    const present = this.ledger.present.map(({ name }) => name)
    const users = (names: readonly string[]) => names.map((name) => ({ name, status: this.#statusOf(name) }))
    const given = (lists ?? [present]).map((names, index) => ({
      where: `n${index + 1}`,
      users: users(names),
    }))
    const problems = this.ledger.problems(given, excuses)
    t.equal(problems.length, expected.length, problems.join('\n'))
    for (const [index, problem] of problems.entries()) t.match(problem, expected[index])
  }

  #statusOf(name: string): string {
    return this.ledger.accounts.findLast((account) => account.name === name)?.status ?? 'ACTIVO'
  }
}

function hear(
  account: Account,
  frame: { type: string; content?: unknown; sender?: string; userList?: string[] },
) {
  account.hear({ ...frame, raw: JSON.stringify(frame) })
}

function see(account: Account, { kind, content, from }: Message) {
  hear(account, { type: kind, sender: from.name, content })
}

const error = { type: 'error', content: 'El servicio no está disponible por el momento' }
const answer = { type: 'list_users_response', content: [] }
const leaves = (name: string) => ({ type: 'user_disconnected', content: `${name} ha salido` })

/** Two who are there, and nothing else. */
function two() {
  const room = new Room()
  return { room, ana: room.join('Ana'), beto: room.join('Beto', 'n2') }
}

t.test('finds nothing where all is well', async (t) => {
  const { room, ana, beto } = two()
  room.say(ana, ana, beto)
  const message = room.tell(beto, ana)
  see(ana, message)
  beto.ask()
  hear(beto, answer)
  t.equal(message.outcome, 'accepted')
  const refused = room.say(beto)
  hear(beto, error)
  t.equal(refused.outcome, 'refused')
  ana.send('status', 'OCUPADO')
  for (const account of [ana, beto])
    hear(account, { type: 'status_update', content: { user: 'Ana', status: 'OCUPADO' } })
  room.check(t, [])
  ana.end(1006)
  hear(beto, leaves('Ana'))
  room.check(t, [])
})

t.test('changes of status', async (t) => {
  const update = (status: string) => ({ type: 'status_update', content: { user: 'Ana', status } })

  t.test('one that somebody was told twice', async (t) => {
    const { room, ana, beto } = two()
    ana.send('status', 'OCUPADO')
    for (const account of [ana, beto, beto]) hear(account, update('OCUPADO'))
    room.check(t, ['Beto@n2 was told twice that Ana is OCUPADO'])
  })

  t.test('one that only its owner was told', async (t) => {
    const { room, ana, beto } = two()
    for (const status of ['OCUPADO', 'ACTIVO']) {
      ana.send('status', status)
      hear(ana, update(status))
    }
    room.check(t, ['Beto@n2 was told nothing of Ana, who was told ACTIVO'])
    hear(beto, update('OCUPADO'))
    room.check(t, ['Beto@n2 was told OCUPADO of Ana, who was told ACTIVO'])
  })

  t.test('there and back, and the same again for who asks for it', async (t) => {
    const { room, ana, beto } = two()
    for (const status of ['OCUPADO', 'ACTIVO', 'OCUPADO']) {
      ana.send('status', status)
      for (const account of [ana, beto]) hear(account, update(status))
    }
    ana.send('status', 'OCUPADO')
    hear(ana, update('OCUPADO'))
    room.check(t, [])
  })
})

t.test('broadcasts', async (t) => {
  t.test('one that somebody missed', async (t) => {
    const { room, ana, beto } = two()
    room.say(ana, ana)
    room.check(t, ['Beto@n2 did not see "Ana #1" of Ana@n1'])
    room.check(t, [], undefined, { broadcasts: true })
    beto.end(1006)
    hear(ana, leaves('Beto'))
    room.check(t, [])
  })

  t.test('one that its sender missed', async (t) => {
    const { room, ana, beto } = two()
    room.say(ana, beto)
    ana.ask()
    hear(ana, answer)
    room.check(t, [/^Ana@n1 did not see/, 'Ana@n1 got neither receipt nor error for 1 messages'])
  })

  t.test('one that came twice', async (t) => {
    const { room, ana, beto } = two()
    const message = room.say(ana, ana, beto)
    see(beto, message)
    const expected = ['Beto@n2 saw "Ana #1" twice']
    room.check(t, expected)
    room.check(t, expected, undefined, { broadcasts: true })
  })

  t.test('one that was refused, and came', async (t) => {
    const { room, ana, beto } = two()
    const message = room.say(ana)
    hear(ana, error)
    see(beto, message)
    room.check(t, ['Beto@n2 saw "Ana #1", for which Ana@n1 got an error', /^Ana@n1 did not see/])
    see(ana, message)
    room.check(t, ['Ana@n1 got an error for Ana #1, and saw it delivered'])
  })

  t.test('several of which one was refused, and came', async (t) => {
    const { room, ana, beto } = two()
    const [first, second] = [room.say(ana), room.say(ana)]
    hear(ana, error)
    see(ana, second)
    ana.ask()
    hear(ana, answer)
    t.same([first.outcome, second.outcome], ['refused', 'accepted'])
    see(beto, first)
    see(beto, second)
    room.check(t, [/^Beto@n2 and Ana@n1|^Ana@n1 did not|^Beto@n2 saw "Ana #1"/, /./])
  })

  t.test('one without an answer', async (t) => {
    const { room, ana } = two()
    room.say(ana)
    room.check(t, ['Ana@n1 got no answer for "Ana #1"'])
  })

  t.test('one that nobody sent', async (t) => {
    const { room, ana } = two()
    hear(ana, { type: 'broadcast', sender: 'Beto', content: 'x' })
    room.check(t, [/^Ana@n1 saw what nobody sent to it/])
  })

  t.test('errors for nothing', async (t) => {
    const { room, ana } = two()
    hear(ana, error)
    room.check(t, [/^Ana@n1 got an error for nothing/])
  })

  t.test('more errors than messages', async (t) => {
    const { room, ana } = two()
    room.say(ana)
    room.say(ana)
    for (let count = 0; count < 3; count += 1) hear(ana, error)
    ana.ask()
    hear(ana, answer)
    room.check(t, ['Ana@n1 got more errors than it had sent messages'])
  })

  t.test('two that came in another order', async (t) => {
    const { room, ana, beto } = two()
    const [first, second] = [room.say(ana), room.say(beto)]
    for (const message of [first, second]) see(ana, message)
    for (const message of [second, first]) see(beto, message)
    const expected = [/^Ana@n1 and Beto@n2 do not tell the same: "Ana #1" and "Beto #2" stand the other/]
    room.check(t, expected)
    room.check(t, expected, undefined, { broadcasts: true })
  })

  t.test('a gap in what one saw who has gone since', async (t) => {
    const { room, ana, beto } = two()
    const messages = [room.say(ana, ana), room.say(ana, ana), room.say(ana, ana)]
    for (const message of [messages[0], messages[2]]) if (message) see(beto, message)
    beto.end(1006)
    hear(ana, leaves('Beto'))
    room.check(t, [/do not tell the same: "Ana #2" and "Ana #3"/])
    room.check(t, [], undefined, { broadcasts: true })
  })
})

t.test('private messages', async (t) => {
  t.test('one that came after what was sent later', async (t) => {
    const { room, ana, beto } = two()
    const [first, second] = [room.tell(ana, beto), room.say(ana, ana)]
    for (const message of [second, first]) see(beto, message)
    ana.ask()
    hear(ana, answer)
    room.check(t, ['Beto@n2 saw "Ana #1" after "Ana #2", which was sent later'])
  })

  t.test('one that was lost', async (t) => {
    const { room, ana, beto } = two()
    room.tell(ana, beto)
    ana.ask()
    hear(ana, answer)
    room.check(t, ['Beto@n2 did not see "Ana #1" of Ana@n1'])
    room.check(t, [], undefined, { privates: true })
  })

  t.test('one that came to somebody else', async (t) => {
    const { room, ana, beto } = two()
    see(ana, room.tell(ana, beto))
    ana.ask()
    hear(ana, answer)
    room.check(t, [/^Ana@n1 saw what nobody sent to it/], undefined, { privates: true })
  })

  t.test('several of which one was refused, and all came', async (t) => {
    const { room, ana, beto } = two()
    const messages = [room.tell(ana, beto), room.tell(ana, beto), room.tell(ana, beto)]
    hear(ana, error)
    ana.ask()
    hear(ana, answer)
    for (const message of messages) see(beto, message)
    room.check(t, ['of 3 private messages of Ana@n1 1 came though refused'])
  })

  t.test('several of which one was refused, and two did not come', async (t) => {
    const { room, ana, beto } = two()
    const [first] = [room.tell(ana, beto), room.tell(ana, beto), room.tell(ana, beto)]
    hear(ana, error)
    ana.ask()
    hear(ana, answer)
    see(beto, first)
    room.check(t, ['of 3 private messages of Ana@n1 1 were lost'])
    room.check(t, [], undefined, { privates: true })
  })

  t.test('several that were all refused', async (t) => {
    const { room, ana, beto } = two()
    const [first, second] = [room.tell(ana, beto), room.tell(ana, beto)]
    hear(ana, error)
    hear(ana, error)
    ana.ask()
    hear(ana, answer)
    t.same([first.outcome, second.outcome], ['refused', 'refused'])
    room.check(t, [])
  })
})

t.test('departures', async (t) => {
  t.test('of somebody who is there', async (t) => {
    const { room, ana, beto } = two()
    hear(beto, leaves('Ana'))
    room.check(t, ['Beto@n2 saw Ana leave 1 times, not 0'])
    room.ledger.doubt([beto], true)
    hear(ana, leaves('Beto'))
    room.check(t, ['Beto@n2 saw Ana leave 1 times, not 0'])
  })

  t.test('that were not seen, or twice', async (t) => {
    const { room, ana, beto } = two()
    ana.end(1006)
    room.check(t, ['Beto@n2 saw Ana leave 0 times, not 1'])
    hear(beto, leaves('Ana'))
    hear(beto, leaves('Ana'))
    room.check(t, ['Beto@n2 saw Ana leave 2 times, not 1'])
  })

  t.test('of somebody who was swept', async (t) => {
    const { room, ana, beto } = two()
    room.ledger.doubt([ana], false)
    room.check(t, [])
    room.ledger.doubt([ana], true)
    room.check(t, ['Beto@n2 saw Ana leave 0 times, not 1 to 2'])
    hear(beto, leaves('Ana'))
    room.check(t, [])
    ana.end(4006)
    room.check(t, [], [['Beto']])
  })

  t.test('of oneself', async (t) => {
    const { room, ana, beto } = two()
    ana.end()
    hear(ana, leaves('Ana'))
    hear(beto, leaves('Ana'))
    ana.end(1000)
    room.check(t, [])
    hear(beto, leaves('Beto'))
    room.check(t, ['Beto@n2 saw Beto leave 1 times, not 0'])
  })

  t.test('of nobody', async (t) => {
    const { room, ana } = two()
    hear(ana, { type: 'user_disconnected', content: 'Adiós' })
    room.check(t, [/^Ana@n1 saw somebody leave/])
  })

  t.test('before one came', async (t) => {
    const { room, ana, beto } = two()
    ana.end(1006)
    hear(beto, leaves('Ana'))
    room.names.shift()
    room.join('Caro')
    room.check(t, [])
  })
})

t.test('lists', async (t) => {
  t.test('with ghosts, and without who is there', async (t) => {
    const { room } = two()
    room.check(t, ['n1 lists Caro, who has gone'], [['Ana', 'Beto', 'Caro']])
    room.check(t, ['n1 does not list Beto, who is connected'], [['Ana']])
    room.check(t, ['n1 lists somebody twice'], [['Ana', 'Beto', 'Beto']])
  })

  t.test('in another order', async (t) => {
    const { room } = two()
    const swapped = ['Beto', 'Ana']
    room.check(t, [/^n2 lists Beto before Ana/, /^n2 lists .*, but n1/], [['Ana', 'Beto'], swapped])
  })

  t.test('with another status', async (t) => {
    const { room, ana, beto } = two()
    hear(ana, { type: 'status_update', content: { user: 'Ana', status: 'OCUPADO' } })
    const users = [ana, beto].map(({ name }) => ({ name, status: 'ACTIVO' }))
    t.same(room.ledger.problems([{ where: 'n1', users }]), [
      'n1 says that Ana is ACTIVO, who was told OCUPADO',
    ])
    hear(ana, { type: 'status_update', content: 'x' })
    t.match(room.ledger.problems([]), ['Ana@n1 saw a status_update without user and status'])
  })

  t.test('of register_success', async (t) => {
    const { room } = two()
    room.names.splice(0, 2, 'Caro')
    const dora = room.join('Dora')
    room.check(t, [
      'Dora@n1 was not told that Ana@n1 was there when it registered',
      'Dora@n1 was not told that Beto@n2 was there when it registered',
    ])
    dora.listed = ['Dora', 'Ana', 'Beto']
    room.check(t, [/^Dora@n1 was not the last of its own list/])
  })

  t.test('with somebody who was refused', async (t) => {
    const { room } = two()
    const other = room.ledger.open('Ana', 'n2')
    hear(other, { type: 'error', content: 'El usuario ya existe' })
    t.equal(other.rejection, 'El usuario ya existe')
    room.check(t, [])
  })
})

t.test('a new page begins with who is there, and nothing else', async (t) => {
  const { room, ana, beto } = two()
  const message = room.say(ana, ana, beto)
  const caro = room.join('Caro')
  caro.end(1006)
  for (const account of [ana, beto]) hear(account, leaves('Caro'))
  ana.send('status', 'OCUPADO')
  for (const account of [ana, beto])
    hear(account, { type: 'status_update', content: { user: 'Ana', status: 'OCUPADO' } })
  room.check(t, [])
  room.ledger.turnPage()
  t.equal(room.ledger.accounts.length, 2)
  room.check(t, [])
  see(beto, message)
  hear(beto, leaves('Ana'))
  room.check(t, [/^Beto@n2 saw what nobody sent/, 'Beto@n2 saw Ana leave 1 times, not 0'])
})
