import { parseArgs } from 'node:util'
import type { Target, TimerName } from './case.js'
import { cases } from './cases/index.js'
import { Client } from './client.js'
import { type Result, runAll, titleOf } from './run.js'

const USAGE = `Checks that a server speaks the chat protocol.

  npm run conformance -- <url>... [options]

  <url>                 where the server listens, such as ws://127.0.0.1:3000/chat;
                        several nodes of a cluster: the connections of each case are spread over them
  --timers "<t>=<ms>…"  how long timers of the server are, with commas between them: ping, register, idle.
                        What hangs on a timer that is not given is skipped. Short ones save time;
                        below 3000 a slow network may be taken for a slow server
                          e.g. --timers "ping=3000,register=5000,idle=5000"
  --load                also run what sends tens of megabytes
  --only <text>         only cases whose section or name contains this
  --help                this text

Names are made up for each run: others may be on the server meanwhile.
Exit codes: 0 all is well, 1 something failed, 2 the command line is wrong or there is no server.`

const TIMERS: readonly TimerName[] = ['ping', 'register', 'idle']

class UsageError extends Error {}

/** Runs the suite as the command line says. Returns the exit code. */
async function main(args: string[]): Promise<number> {
  const options = read(args)
  if (options === undefined) {
    console.log(USAGE)
    return 0
  }
  for (const url of options.target.urls) await reach(url)
  const chosen = cases.filter((one) => titleOf(one).includes(options.only))
  if (chosen.length === 0) throw new UsageError(`no case has "${options.only}" in its section or name`)
  return conclude(await runAll(chosen, options.target, tell))
}

function read(args: string[]): { target: Target; only: string } | undefined {
  const { values, positionals } = parse(args)
  if (values.help) return undefined
  const [first, ...others] = positionals
  if (first === undefined) throw new UsageError('the URL of the server is missing')
  const wrong = positionals.find((url) => !URL.canParse(url) || !/^wss?:$/.test(new URL(url).protocol))
  if (wrong !== undefined) throw new UsageError(`"${wrong}" is not a URL such as ws://127.0.0.1:3000/chat`)
  return {
    target: { urls: [first, ...others], timers: readTimers(values.timers), load: values.load },
    only: values.only,
  }
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        timers: { type: 'string', default: '' },
        load: { type: 'boolean', default: false },
        only: { type: 'string', default: '' },
        help: { type: 'boolean', default: false, short: 'h' },
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function readTimers(text: string): Target['timers'] {
  const timers: Partial<Record<TimerName, number>> = {}
  for (const part of text.split(/[,\s]+/).filter((one) => one !== '')) {
    const [key, value = ''] = part.split('=')
    const name = TIMERS.find((known) => known === key)
    if (name === undefined || !/^[1-9]\d*$/.test(value)) {
      throw new UsageError(`--timers: "${part}" is not one of ${TIMERS.join(', ')} with = and milliseconds`)
    }
    timers[name] = Number(value)
  }
  return timers
}

/** Says early and once that there is no server. */
async function reach(url: string): Promise<void> {
  try {
    const client = await Client.open(url)
    await client.close()
  } catch (error) {
    throw new UsageError(
      `${url} cannot be reached: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

function tell(result: Result): void {
  const title = titleOf(result.case)
  if (result.outcome === 'ok') console.log(`ok    ${title}`)
  else if (result.outcome === 'SKIP') console.log(`SKIP  ${title} (${result.report.join('; ')})`)
  else console.log([`FAIL  ${title}`, ...result.report].join('\n        '))
}

function conclude(results: readonly Result[]): number {
  const of = (outcome: Result['outcome']) => results.filter((result) => result.outcome === outcome)
  const failed = of('FAIL')
  const skipped = of('SKIP')
  console.log()
  for (const { case: testCase } of failed) console.log(`FAIL  ${titleOf(testCase)}`)
  const lacking = new Set(skipped.flatMap((result) => (result.outcome === 'SKIP' ? result.report : [])))
  for (const why of lacking) console.log(`NOT CHECKED  what ${why}`)
  console.log(`${of('ok').length} ok, ${failed.length} failed, ${skipped.length} skipped`)
  return failed.length > 0 ? 1 : 0
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : error)
    process.exitCode = 2
  },
)
