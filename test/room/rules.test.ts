import t from 'tap'
import { keyOf } from '../../src/protocol/names.js'
import type { AccountId, Presence, Proposal } from '../../src/room/events.js'
import { eventOf as becomes, judge, type RoomState } from '../../src/room/rules.js'
import { at, banOf, FRAME, someone } from './samples.js'

const ana = someone('Ana', 1)
const beto = someone('Beto', 2)
const users = new Map([ana, beto].map((one) => [one.key, one]))
/** Of extended sessions and of the history there is nothing. */
const PLAIN = {
  secretOf: () => undefined,
  knows: () => false,
  isInboxFull: () => false,
  hasMessage: () => false,
} as const
const present: RoomState = {
  get: (key) => users.get(key),
  accountOf: () => undefined,
  hasBan: () => false,
  full: false,
  ...PLAIN,
}
const absent = someone('Carla', 3)
/** She has her name for good, and is there. */
const dora = someone('Dora', 4, { account: 'd1', status: 'OCUPADO', node: 'n2' })
/** She has too, and is away. */
const eva = someone('Eva', 5, { account: 'e1' })

/** A room of those and others, with some accounts by name, and some bans. */
function room(accounts: Record<string, AccountId>, bans: readonly string[] = [], full = false): RoomState {
  const there = new Map([ana, beto, dora].map((one) => [one.key, one]))
  const owners = new Map(Object.entries(accounts).map(([name, account]) => [keyOf(name), account]))
  return {
    get: (key) => there.get(key),
    accountOf: (key) => owners.get(key),
    hasBan: (id) => bans.includes(id),
    full,
    ...PLAIN,
  }
}
const claimed = room({ Dora: 'd1', Eva: 'e1' })

const eventOf = (
  proposal: Parameters<typeof becomes>[0],
  position: Parameters<typeof becomes>[1],
  node: string,
  owner?: Presence,
) => becomes(proposal, position, node, owner)

const join = ({ key, session, name, ip, status, connectedAt }: Presence) => {
  return { kind: 'join', key, session, name, ip, status, connectedAt } as const
}
const owned = ({ key, session }: Presence) => ({ key, session, frame: String(FRAME) })
const leave = (who: Presence) => ({ kind: 'leave', ...owned(who) }) as const
const say = (who: Presence) => ({ kind: 'say', ...owned(who) }) as const
const status = (who: Presence, to: Presence['status']) =>
  ({ kind: 'status', ...owned(who), status: to }) as const
const whisper = (who: Presence, target: string) => {
  return { kind: 'private', ...owned(who), target: keyOf(target) } as const
}

t.test('1.3 a name that nobody has may be taken', async (t) => {
  t.equal(judge(join(absent), 'n1', present), undefined)
})

t.test('1.3 a name is owned by one session', async (t) => {
  t.equal(judge({ ...join(ana), session: 'another' }, 'n1', present), 'NAME_TAKEN')
  t.equal(judge({ ...join(ana), key: beto.key }, 'n1', present), 'NAME_TAKEN')
})

t.test('who claims takes over from himself, and from nobody else', async (t) => {
  const claim = { ...join(ana), order: 1 }
  t.equal(judge(claim, 'n2', present), undefined, 'his node has another identity')
  t.equal(judge(claim, 'n1', present), 'UNCHANGED')
  t.equal(judge({ ...claim, session: 'another' }, 'n2', present), 'NAME_TAKEN')
})

t.test('a session that is present does not join again', async (t) => {
  t.equal(judge(join(ana), 'n1', present), 'UNCHANGED')
})

t.test('who owns the name may leave, speak, change its status and write to those present', async (t) => {
  for (const proposal of [
    leave(ana),
    say(ana),
    status(ana, 'OCUPADO'),
    whisper(ana, 'BETO'),
    whisper(ana, 'Ana'),
  ])
    t.equal(judge(proposal, 'n1', present), undefined, proposal.kind)
})

t.test('who does not own the name, or not any more, may nothing', async (t) => {
  for (const who of [absent, { ...ana, session: 'another' }, { ...ana, session: beto.session }]) {
    const proposals: Proposal[] = [leave(who), say(who), status(who, 'OCUPADO'), whisper(who, 'Beto')]
    for (const proposal of proposals) t.equal(judge(proposal, 'n1', present), 'FENCED', proposal.kind)
  }
  t.equal(
    judge(status({ ...ana, session: 'another' }, 'ACTIVO'), 'n1', present),
    'FENCED',
    'whatever else is wrong',
  )
  t.equal(judge(whisper(absent, 'nobody'), 'n1', present), 'FENCED', 'whatever else is wrong')
})

t.test('only the node that holds a session acts for it', async (t) => {
  const proposals: Proposal[] = [leave(ana), say(ana), status(ana, 'OCUPADO'), whisper(ana, 'Beto')]
  for (const proposal of proposals) t.equal(judge(proposal, 'n2', present), 'FENCED', proposal.kind)
  t.equal(judge(join(ana), 'n2', present), 'NAME_TAKEN')
})

t.test('1.4 a status that is so already is not changed', async (t) => {
  t.equal(judge(status(ana, 'ACTIVO'), 'n1', present), 'UNCHANGED')
})

t.test('1.4 nobody who is absent is written to', async (t) => {
  t.equal(judge(whisper(ana, 'Carla'), 'n1', present), 'UNKNOWN_TARGET')
})

t.test('a join becomes the presence, of the node that proposed it, at the end of the order', async (t) => {
  t.strictSame(eventOf(join(ana), at(7), 'n2'), {
    kind: 'joined',
    position: at(7),
    presence: { ...ana, node: 'n2', order: 7 },
    fresh: true,
    at: ana.connectedAt,
  })
})

t.test('a session that is claimed again keeps its place', async (t) => {
  for (const order of [0, 3]) t.match(eventOf({ ...join(ana), order }, at(7), 'n2'), { presence: { order } })
})

t.test('what a session does becomes the event of it, with the frame as it is', async (t) => {
  const { key, session } = ana
  const position = at(7)
  t.strictSame(eventOf(leave(ana), position, 'n1'), { kind: 'left', position, key, session, frame: FRAME })
  t.strictSame(eventOf(say(ana), position, 'n1'), { kind: 'said', position, key, frame: FRAME })
  t.strictSame(eventOf(status(ana, 'OCUPADO'), position, 'n1'), {
    kind: 'status',
    position,
    key,
    session,
    status: 'OCUPADO',
    frame: FRAME,
  })
})

/** As the owner, or as whoever claims the name. */
const own = (who: Presence, account: AccountId) => ({ ...join(who), session: 'fresh', account })
const claimName = (who: Presence, account: AccountId) => ({ ...own(who, account), claim: `${account} {}` })
const remove = (who: Presence) => ({ kind: 'remove', ...owned(who) }) as const
const announce = { kind: 'announce', frame: String(FRAME) } as const
const ban = { kind: 'ban', ban: banOf('Ana', { reason: 'x', expiresAt: 9 }) } as const
const unban = { kind: 'unban', id: 'known' } as const

t.test('a name that nobody has may be claimed, and entered by its owner', async (t) => {
  t.equal(judge(claimName(absent, 'c1'), 'n1', claimed), undefined)
  t.equal(judge(own(eva, 'e1'), 'n1', claimed), undefined)
})

t.test('a guest is refused a claimed name, whether its owner is there or not', async (t) => {
  for (const who of [dora, eva])
    for (const node of ['n1', 'n2'])
      t.equal(judge({ ...join(who), session: 'guest' }, node, claimed), 'NAME_CLAIMED', who.name)
})

t.test('a name that a guest has cannot be claimed', async (t) => {
  for (const node of ['n1', 'n2']) t.equal(judge(claimName(ana, 'a1'), node, claimed), 'NAME_TAKEN')
})

t.test('who has checked another account than the one that there is has to check again', async (t) => {
  for (const who of [dora, eva]) {
    t.equal(judge(own(who, 'other'), 'n1', claimed), 'ACCOUNT_CHANGED', who.name)
    t.equal(judge(claimName(who, 'other'), 'n1', claimed), 'ACCOUNT_CHANGED', 'it was free')
    t.equal(judge(claimName(who, who.account ?? ''), 'n1', claimed), 'ACCOUNT_CHANGED', 'it was free')
    t.equal(judge(own(who, who.account ?? ''), 'n1', room({})), 'ACCOUNT_CHANGED', 'it was not')
  }
  t.equal(judge(own(ana, 'a1'), 'n1', claimed), 'ACCOUNT_CHANGED', 'rather than that it is taken')
})

t.test('the owner takes over from himself, and from nobody else', async (t) => {
  for (const node of ['n1', 'n2']) {
    t.equal(judge(own(dora, 'd1'), node, claimed), undefined, node)
    t.equal(judge(own(dora, 'd2'), node, room({ Dora: 'd2' })), 'NAME_TAKEN', 'who is there is another owner')
    t.equal(judge(own(ana, 'a1'), node, room({ Ana: 'a1' })), 'NAME_TAKEN', 'who is there is a guest')
    t.equal(judge(claimName(dora, 'd1'), node, room({})), 'NAME_TAKEN', 'who claims takes over nobody')
  }
  t.equal(judge({ ...join(dora), account: 'd1' }, 'n2', claimed), 'UNCHANGED', 'he is himself')
})

t.test('who was swept finds his account, or none, but not another', async (t) => {
  const back = { ...join(eva), order: 5, account: 'e1' }
  const guest = { ...join(absent), order: 3 }
  t.equal(judge(back, 'n9', claimed), undefined)
  t.equal(judge(back, 'n9', room({})), undefined)
  t.equal(judge(back, 'n9', room({ Eva: 'e2' })), 'NAME_TAKEN')
  t.equal(judge(guest, 'n9', claimed), undefined)
  t.equal(judge(guest, 'n9', room({ Carla: 'c1' })), 'NAME_TAKEN', 'he was a guest')
  t.equal(judge({ ...guest, account: 'c1' }, 'n9', room({ Carla: 'c2' })), 'NAME_TAKEN')
})

t.test('who was swept takes over himself from before, and not what he took over since', async (t) => {
  const back = { ...join(dora), order: 4, account: 'd1' }
  t.equal(judge(back, 'n9', claimed), undefined)
  t.equal(judge(back, 'n2', claimed), 'UNCHANGED')
  t.equal(judge({ ...back, session: 'older' }, 'n9', claimed), 'NAME_TAKEN')
  t.equal(judge(back, 'n9', room({ Dora: 'd2' })), 'NAME_TAKEN', 'it is another who may enter')
})

t.test('any node may remove a session, but only that one', async (t) => {
  for (const node of ['n1', 'n2', 'n9'])
    for (const who of [ana, dora]) t.equal(judge(remove(who), node, claimed), undefined)
  for (const who of [absent, { ...ana, session: 'another' }, { ...ana, session: beto.session }])
    t.equal(judge(remove(who), 'n1', claimed), 'FENCED')
})

t.test('any node may announce, ban, and lift a ban that there is', async (t) => {
  t.equal(judge(announce, 'n9', room({})), undefined)
  t.equal(judge(ban, 'n9', room({})), undefined)
  t.equal(judge(unban, 'n9', room({}, ['known'])), undefined)
  t.equal(judge(unban, 'n9', room({}, ['other'])), 'UNKNOWN_BAN')
  t.equal(judge(ban, 'n9', room({}, [], true)), 'TOO_MANY_BANS')
  t.equal(judge(unban, 'n9', room({}, ['known'], true)), undefined, 'that makes room')
  t.equal(judge(announce, 'n9', room({}, [], true)), undefined)
})

t.test('who claims is present with his account, and what is kept of it is not told', async (t) => {
  const presence = { ...absent, session: 'fresh', account: 'c1', order: 7 }
  const event = { kind: 'joined', position: at(7), presence, fresh: true, at: absent.connectedAt }
  t.strictSame(eventOf(claimName(absent, 'c1'), at(7), 'n1'), event)
  t.strictSame(eventOf(own(absent, 'c1'), at(7), 'n1'), event)
})

t.test('who takes over goes on in the place and with the status of the session before', async (t) => {
  const entering = {
    ...own(dora, 'd1'),
    status: 'ACTIVO' as const,
    name: 'DORA',
    ip: '203.0.113.9',
    connectedAt: 9,
  }
  const { kind: _, ...shown } = entering
  t.strictSame(eventOf(entering, at(7), 'n1', dora), {
    kind: 'joined',
    position: at(7),
    presence: { ...shown, node: 'n1', order: 4, status: 'OCUPADO' },
    fresh: false,
    at: 9,
  })
})

t.test('who claims his place again has the status that he claims, whoever is there', async (t) => {
  const back = { ...join(dora), order: 3, account: 'd1', status: 'INACTIVO' } as const
  t.match(eventOf(back, at(7), 'n9', dora), { presence: { order: 3, status: 'INACTIVO', node: 'n9' } })
})

t.test('what an operator does becomes the event of it', async (t) => {
  const position = at(7)
  const { key, session } = dora
  t.strictSame(eventOf(remove(dora), position, 'n1', dora), {
    kind: 'removed',
    position,
    key,
    session,
    frame: FRAME,
  })
  t.strictSame(eventOf(announce, position, 'n1'), { kind: 'said', position, key: undefined, frame: FRAME })
  t.strictSame(eventOf(ban, position, 'n1'), { kind: 'banned', position, ban: ban.ban })
  t.strictSame(eventOf(unban, position, 'n1'), { kind: 'unbanned', position, id: 'known' })
})

/** She has extensions, and is there; or is held. */
const fay = someone('Fay', 6, { extended: true, status: 'OCUPADO', account: 'f1' })
const held = { ...fay, node: '', held: true as const }
/** A room of Ana and one more, who has a secret. */
function roomOf(one: Presence, more: Partial<RoomState> = {}): RoomState {
  const there = new Map([ana, one].map((who) => [who.key, who]))
  return {
    ...present,
    get: (key) => there.get(key),
    secretOf: (key) => (key === one.key ? 'hash' : undefined),
    knows: (secret) => secret === 'hash',
    ...more,
  }
}
const resume = (who: Presence, resumes = 'hash', secretHash = resumes) => {
  return { ...join(who), session: 'fresh', secretHash, resumes }
}

t.test('part 2, 3: whoever has the secret takes a session up, held or not, on any node', async (t) => {
  for (const state of [roomOf(fay), roomOf(held)])
    for (const node of ['n1', 'n9']) {
      t.equal(judge(resume(fay), node, state), undefined)
      t.equal(judge(resume(fay, 'hash', 'another'), node, state), undefined, 'with another secret, too')
      t.equal(judge(resume(fay, 'wrong'), node, state), 'SESSION_LOST')
      t.equal(judge(resume(ana), node, state), 'SESSION_LOST', 'it is of another name')
      t.equal(judge(resume(absent), node, state), 'SESSION_LOST')
    }
  t.equal(judge({ ...resume(fay), session: fay.session }, 'n1', roomOf(fay)), 'UNCHANGED', 'it is itself')
})

t.test('part 2, 3: whoever has not the secret finds the name in use, also while it is held', async (t) => {
  const guest = { ...join(fay), session: 'guest' }
  for (const state of [roomOf(fay), roomOf(held)]) {
    t.equal(judge(guest, 'n9', state), 'NAME_TAKEN')
    t.equal(judge({ ...guest, secretHash: 'hash' }, 'n9', state), 'NAME_TAKEN')
  }
})

t.test('an owner takes over his session that is held, and one who was swept claims it', async (t) => {
  const owner = { ...join(fay), session: 'fresh', account: 'f1' }
  const owned = { accountOf: () => 'f1' }
  t.equal(judge(owner, 'n9', roomOf(held, owned)), undefined)
  const back = { ...join(fay), order: 6, account: 'f1', secretHash: 'hash' }
  t.equal(judge(back, 'n9', roomOf(held, owned)), undefined)
  t.equal(judge({ ...back, secretHash: 'gone' }, 'n9', roomOf(held, owned)), 'SESSION_LOST')
  t.equal(judge({ ...back, session: 'older' }, 'n9', roomOf(held, owned)), 'NAME_TAKEN')
})

t.test('a session that is held acts no more, and any node may remove it', async (t) => {
  const state = roomOf(held)
  const hold = { kind: 'hold', key: fay.key, session: fay.session } as const
  const acts: Proposal[] = [hold, leave(fay), say(fay), status(fay, 'ACTIVO'), whisper(fay, 'Ana')]
  for (const proposal of acts)
    for (const node of ['n1', 'n9']) t.equal(judge(proposal, node, state), 'FENCED', proposal.kind)
  t.equal(judge(hold, 'n1', roomOf(fay)), undefined)
  t.equal(judge(hold, 'n2', roomOf(fay)), 'FENCED')
  t.equal(judge(remove(fay), 'n9', state), undefined)
})

t.test('what does not fit into an inbox is refused, by its bytes in UTF-8', async (t) => {
  const asked: unknown[] = []
  const state = roomOf(held, {
    isInboxFull: (...of) => {
      asked.push(of)
      return true
    },
  })
  const message = { ...whisper(ana, 'Fay'), frame: '{"ñ":1}' }
  t.equal(judge(message, 'n1', state), 'INBOX_FULL')
  t.strictSame(asked, [[fay.key, 8]])
  t.equal(judge(whisper(ana, 'Carla'), 'n1', state), 'UNKNOWN_TARGET', 'nobody has no inbox')
})

t.test('what the history has may be taken out, by any node', async (t) => {
  const erase = { kind: 'erase', message: at(3) } as const
  const state = { ...present, hasMessage: ({ offset }: { offset: number }) => offset === 3 }
  t.equal(judge(erase, 'n9', state), undefined)
  t.equal(judge({ ...erase, message: at(4) }, 'n9', state), 'UNKNOWN_MESSAGE')
  t.strictSame(eventOf(erase, at(7), 'n9'), { kind: 'erased', position: at(7), message: at(3) })
})

t.test('who takes a session up goes on in its place, with its status and its account', async (t) => {
  const entering = { ...resume({ ...fay, name: 'FAY', ip: '203.0.113.9', connectedAt: 9 }), at: 12 }
  const { kind: _, resumes: __, secretHash: ___, at: ____, ...shown } = { ...entering }
  for (const owner of [fay, held])
    t.strictSame(eventOf({ ...entering, status: 'ACTIVO' }, at(7), 'n2', owner), {
      kind: 'joined',
      position: at(7),
      presence: { ...shown, node: 'n2', order: 6, status: 'OCUPADO', account: 'f1', extended: true },
      fresh: false,
      at: 12,
    })
})

t.test('no secret is in an event, nor what it is kept as', async (t) => {
  const { presence } = Object(eventOf({ ...join(absent), secretHash: 'h' }, at(7), 'n1'))
  t.strictSame(presence, { ...absent, node: 'n1', order: 7, extended: true })
})

t.test('a session whose connection broke is held', async (t) => {
  const { key, session } = fay
  const hold = { kind: 'hold', key, session } as const
  t.strictSame(eventOf(hold, at(7), 'n1', fay), { kind: 'held', position: at(7), key, session })
})
