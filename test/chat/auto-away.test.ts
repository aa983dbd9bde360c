import t from 'tap'
import { AutoAway } from '../../src/chat/auto-away.js'
import { Session } from '../../src/chat/session.js'
import { keyOf } from '../../src/protocol/names.js'
import { AWAY_SPREAD_MS } from '../../src/room/away.js'
import { TestConnection } from '../support/connection.js'

function session(activeAt: number, id = 's') {
  const it = new Session({
    id,
    connection: new TestConnection(),
    perform: () => true,
    outboxMaxBytes: 1000,
    now: activeAt,
  })
  it.state = 'present'
  it.identity = { key: keyOf(id), name: id, connectedAt: 0, status: 'ACTIVO' }
  return it
}
const active = () => true

t.test('1.4 a session that has sent nothing for the idle time is due', async (t) => {
  const away = new AutoAway(300_000)
  const quiet = session(0)
  t.same(away.tick([quiet], 299_999, active), [])
  const due = away.tick([quiet], 300_000, active)
  t.equal(due[0], quiet)
})

t.test(
  '1.4 who is not ACTIVO, not registered, away already or still waiting for an outcome is left alone',
  async (t) => {
    const away = new AutoAway(1000)
    const busy = session(0)
    const unregistered = session(0)
    unregistered.state = 'new'
    const alreadyAway = session(0)
    alreadyAway.away = true
    const waiting = session(0)
    waiting.begin()
    t.same(away.tick([unregistered, alreadyAway, waiting], 5000, active), [])
    t.same(
      away.tick([busy], 5000, () => false),
      [],
    )
  },
)

t.test('1.4 many at once are spread over a minute, who was silent longest first', async (t) => {
  const away = new AutoAway(300_000)
  const sessions = Array.from({ length: 3000 }, (_, index) => session(3000 - index, String(index)))
  const order: Session[] = []
  let now = 300_000 + 3000
  let longest = 0
  const start = now
  while (order.length < sessions.length) {
    const turn = away.tick(sessions, now, active)
    longest = Math.max(longest, turn.length)
    for (const it of turn) it.away = true
    order.push(...turn)
    now += away.tickMs
  }
  t.ok(now - start <= AWAY_SPREAD_MS + away.tickMs, 'within a minute')
  t.ok(longest <= 3000 / 50, `never more than its share at a time: ${longest}`)
  t.same(
    order.map(({ activeAt }) => activeAt),
    order.map(({ activeAt }) => activeAt).sort((a, b) => a - b),
  )
})
