import t from 'tap'
import { decision, source, type Target } from './case.js'
import { PlainServer, startPlainServer } from './fixtures/plain-server.js'
import { type Result, runAll } from './run.js'

const it = decision('1.4')
const graceMs = 300

const targetOf = (url: string, timers: Target['timers'] = {}): Target => ({
  urls: [url],
  timers,
  load: false,
})

const fine = (name: string) =>
  it(name, async (ctx) => {
    await ctx.join('Ana')
  })

t.test('stops when the server dies after a case, names it, and lists what was not run', async (t) => {
  const server = new PlainServer()
  const url = await server.listen()
  const cases = [
    fine('one'),
    fine('two'),
    it('three', async (ctx) => {
      await ctx.join('Ana')
      server.stop()
    }),
    fine('four'),
    it('five', async () => {}, ['idle']),
  ]
  const told: string[] = []
  const tell = (result: Result) => void told.push(result.case.name)
  const outcome = await runAll(cases, targetOf(url, { idle: 1_000 }), { tell, graceMs })
  t.match(outcome.death, { after: { name: 'three' }, url, why: /ECONNREFUSED/ })
  t.same(told, ['one', 'two', 'three'])
  t.same(
    outcome.results.map((result) => result.outcome),
    ['ok', 'ok', 'ok'],
    'a case may pass and have ended the server all the same',
  )
  t.same(
    outcome.notRun.map((one) => one.name),
    ['four', 'five'],
  )
})

t.test('does not blame a case that found nobody', async (t) => {
  const server = new PlainServer()
  const url = await server.listen()
  const late = it('late', async (ctx) => {
    server.stop() // as a server that dies a little after the case before
    await ctx.join('Ana')
  })
  const heavy = it('heavy', async () => {}, ['load'])
  const outcome = await runAll([fine('one'), heavy, late, fine('three')], targetOf(url), { graceMs })
  t.match(outcome.death, { after: { name: 'one' } })
  t.same(
    outcome.results.map((result) => result.outcome),
    ['ok', 'SKIP'],
  )
  t.same(
    outcome.notRun.map((one) => one.name),
    ['late', 'three'],
  )
})

t.test('blames no case when the server was gone before the first', async (t) => {
  const server = new PlainServer()
  const url = await server.listen()
  server.stop()
  const outcome = await runAll([fine('one')], targetOf(url), { graceMs })
  t.match(outcome, { results: [], death: { after: undefined }, notRun: [{ name: 'one' }] })
})

t.test('goes on when the server comes back soon', async (t) => {
  const server = new PlainServer()
  const url = await server.listen()
  t.teardown(() => server.stop())
  const restart = it('restart', async () => {
    server.stop()
    setTimeout(() => server.listen(Number(new URL(url).port)), 150)
  })
  const outcome = await runAll([restart, fine('after it')], targetOf(url))
  t.equal(outcome.death, undefined)
  t.same(
    outcome.results.map((result) => result.outcome),
    ['ok', 'ok'],
  )
  t.same(outcome.notRun, [])
})

t.test('of cases that run together, those that the death broke off were not run', async (t) => {
  const server = new PlainServer()
  const url = await server.listen()
  const deadly = it(
    'deadly',
    async (ctx) => {
      await ctx.join('Ana')
      server.stop()
    },
    ['idle'],
  )
  const waiting = it('waiting', async (ctx) => void (await (await ctx.join('Ana')).closed()), ['idle'])
  const patient = it('patient', async (ctx) => void (await (await ctx.join('Ana')).next('broadcast')), [
    'idle',
  ])
  const outcome = await runAll([deadly, waiting, patient], targetOf(url, { idle: 1_000 }), { graceMs })
  t.match(outcome.death, { why: /ECONNREFUSED/ })
  t.equal(outcome.results.length, 1)
  t.equal(outcome.notRun.length, 2)
})

t.test('a failure says where to read about it, and who says so', async (t) => {
  const url = await startPlainServer(t)
  const failing = async () => {
    throw new Error('no')
  }
  const { results } = await runAll(
    [it('decided', failing), source('1.4', '4.1')('shown', failing)],
    targetOf(url),
  )
  t.match(results, [
    { outcome: 'FAIL', report: ['no', 'see docs/protocol.md 1.4; the source document is silent on it'] },
    { outcome: 'FAIL', report: ['no', 'see docs/protocol.md 1.4; the source document says so in 4.1'] },
  ])
})
