import t from 'tap'
import { keyOf } from '../../src/protocol/names.js'
import type { Presence, Proposal } from '../../src/room/events.js'
import { eventOf, judge } from '../../src/room/rules.js'
import { at, FRAME, someone } from './samples.js'

const ana = someone('Ana', 1)
const beto = someone('Beto', 2)
const present = new Map([ana, beto].map((one) => [one.key, one]))
const absent = someone('Carla', 3)

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
