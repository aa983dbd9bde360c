/** Runs scenarios: starts each contender, has it do the steps, and measures. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { ADMIN_TOKEN, type Contender, type ContenderName, isAvailable, start } from './contenders.js'
import { type Load, startLoad, type Talked } from './load.js'
import { MESSAGE_BYTES, type Plan, type Scenario, type Step } from './plan.js'
import { cpuMicros, residentBytes } from './processes.js'
import type { Results, Values } from './results.js'

/** A load generator that was busier than this may have been what was measured. */
const LOAD_BUSY_MAX = 0.7

/** How often memory is looked at while it is measured. */
const LOOK_MS = 100

/** How long collecting garbage takes, and giving its pages back. */
const COLLECT_MS = 2000

/** What is read of an answer to `GET /users`. */
const UsersPage = Type.Object({
  total: Type.Number(),
  next: Type.Union([Type.String(), Type.Null()]),
})

interface Run {
  readonly contender: Contender
  readonly load: Load
  readonly plan: Plan
  /** How many clients there are. */
  clients: number
  /** What the server held before the first client. */
  readonly emptyBytes: number
  /** Whether something has been said already. */
  warm: boolean
  /** Messages a second of the talks so far. */
  readonly rates: Map<string, number>
}

type StepResult = { readonly values: Values; readonly flaws?: readonly string[] }

const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0)

function per(
  units: number,
  { cpuMicros, seconds }: { cpuMicros: readonly number[]; seconds: number },
): Values {
  return { cpu: sum(cpuMicros) / units, server: (cpuMicros[0] ?? 0) / units, perSecond: units / seconds }
}

function resultOf(talked: Talked): StepResult {
  const { deliveries, sent, missing, outOfOrder, repeated, closed, loadBusy, writes, p50Micros, p99Micros } =
    talked
  const lost = { missing, outOfOrder, repeated, closed }
  const flaws = Object.entries(lost).filter(([, count]) => count > 0)
  return {
    values: {
      ...per(deliveries, talked),
      sentPerSecond: sent / talked.seconds,
      batch: deliveries / Math.max(sum(writes), 1),
      cpuPerMessage: sum(talked.cpuMicros) / sent,
      p50Micros,
      p99Micros,
      loadBusy,
      ...lost,
    },
    flaws: [
      ...flaws.map(([name, count]) => `${count} ${name}`),
      ...(loadBusy > LOAD_BUSY_MAX ? [`load generator ${Math.round(loadBusy * 100)} % busy`] : []),
    ],
  }
}

/** Looks at the memory of a process until it is asked for the most that it saw. */
function watchMemory(pid: number): () => number {
  let most = residentBytes(pid)
  const timer = setInterval(() => {
    most = Math.max(most, residentBytes(pid))
  }, LOOK_MS)
  return () => {
    clearInterval(timer)
    return Math.max(most, residentBytes(pid))
  }
}

async function talk(run: Run, step: Step & { do: 'talk' | 'private' }): Promise<StepResult> {
  const { contender, load, plan, rates } = run
  const { senders, inFlight = 0, rate = 0, measureMs = plan.measureMs } = step
  const how = {
    senders,
    inFlight,
    rate: typeof rate === 'number' ? rate : (rates.get(rate.halfOf) ?? 0) / 2,
    bytes: MESSAGE_BYTES,
    warmUpMs: run.warm ? plan.warmUpMs : plan.firstWarmUpMs * contender.ports.length,
    measureMs,
  }
  run.warm = true
  const peak = watchMemory(contender.server)
  const talked = await (step.do === 'talk' ? load.talk(how) : load.privately(how))
  rates.set(step.as, talked.sent / talked.seconds)
  const { values, ...rest } = resultOf(talked)
  return { values: { ...values, peakBytes: peak() }, ...rest }
}

async function ask({ contender, load, plan }: Run, step: Step & { do: 'ask' }): Promise<StepResult> {
  const commands = async () => Number(await contender.redis?.info('stats', 'total_commands_processed'))
  const before = await commands()
  const asked = await load.ask(step.what, step.askers, plan.measureMs)
  const values = { ...per(asked.answers, asked), bytesEach: asked.answerBytes / asked.answers }
  const redisCommands = ((await commands()) - before) / asked.answers
  return { values: contender.redis ? { ...values, redisCommands } : values }
}

async function usersPage({ ports }: Contender, query: string): Promise<Static<typeof UsersPage>> {
  const url = `http://127.0.0.1:${ports[0]}/users?${query}`
  const response = await fetch(url, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })
  return Value.Parse(UsersPage, await response.json())
}

async function pages({ contender }: Run, step: Step & { do: 'pages' }): Promise<StepResult> {
  const before = cpuMicros(contender.server)
  let cursor = ''
  for (let count = 0; count < step.requests; count += 1) {
    const { next } = await usersPage(contender, `limit=${step.limit}${cursor && `&cursor=${cursor}`}`)
    cursor = next ?? ''
  }
  return { values: { cpu: (cpuMicros(contender.server) - before) / step.requests } }
}

async function take(run: Run, step: Step): Promise<StepResult | undefined> {
  switch (step.do) {
    case 'open': {
      const opened = await run.load.open(step.clients, step.small)
      run.clients = opened.clients
      return { values: { ...per(step.clients, opened), bytesEach: opened.answerBytes / step.clients } }
    }
    case 'talk':
    case 'private':
      return talk(run, step)
    case 'ask':
      return ask(run, step)
    case 'pages':
      return pages(run, step)
    case 'deafen':
      await run.load.deafen()
      return undefined
    case 'present':
      return { values: { present: (await usersPage(run.contender, 'limit=1')).total } }
    case 'memory': {
      run.contender.collect?.()
      await sleep(run.contender.collect ? COLLECT_MS : run.plan.settleMs)
      const bytes = residentBytes(run.contender.server)
      return { values: { bytes, each: (bytes - run.emptyBytes) / Math.max(run.clients, 1) } }
    }
    case 'close': {
      const closed = await run.load.close()
      run.clients = 0
      return { values: per(closed.clients, closed) }
    }
  }
}

async function runScenario(
  scenario: Scenario,
  name: ContenderName,
  plan: Plan,
  results: Results,
): Promise<void> {
  const contender = await start(name)
  const load = await startLoad(contender)
  const emptyBytes = residentBytes(contender.server)
  const run: Run = { contender, load, plan, clients: 0, emptyBytes, warm: false, rates: new Map() }
  for (const step of scenario.steps) {
    const result = await take(run, step)
    if (result === undefined || !('as' in step) || step.as === undefined) continue
    const { values, flaws = [] } = result
    results.add({ what: `${scenario.id}/${step.as}`, contender: name, values, flaws })
  }
  await load.stop()
  await contender.stop()
}

/** Runs a plan; rounds take turns, so that whatever else the machine does meets all alike. */
export async function runPlan(plan: Plan, results: Results, say: (line: string) => void): Promise<void> {
  for (const scenario of plan.scenarios) {
    for (let round = 1; round <= scenario.rounds; round += 1) {
      for (const name of scenario.contenders.filter(isAvailable)) {
        say(`${scenario.id} ${round}/${scenario.rounds}: ${name}`)
        await runScenario(scenario, name, plan, results)
      }
    }
  }
}
