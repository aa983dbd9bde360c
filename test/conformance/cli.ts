import { parseArgs } from 'node:util'
import { type Case, originOf, type Target, type TimerName } from './case.js'
import { cases } from './cases/index.js'
import { DEADLINE_MS } from './client.js'
import { whyUnreachable } from './reach.js'
import { printOutcome, printResult } from './report.js'
import { runAll, titleOf } from './run.js'

const USAGE = `Checks that a server speaks the chat protocol.

  npm run conformance -- <url>... [options]

  <url>                 where the server listens, such as ws://127.0.0.1:3000/chat;
                        several nodes of a cluster: the connections of each case are spread over them
  --source-only         only what the source document itself says ("source" in the report), and nothing that
                        Tertulia's protocol decided where that is silent ("decision")
  --timers "<t>=<ms>…"  how long timers of the server are, with commas between them: ping, register, idle.
                        What hangs on a timer that is not given is skipped. Short ones save time;
                        below 3000 a slow network may be taken for a slow server
                          e.g. --timers "ping=3000,register=5000,idle=5000"
  --load                also run what sends tens of megabytes
  --only <text>         only cases whose section or name contains this
  --help                this text

Names are made up for each run: others may be on the server meanwhile.
TEST_DEADLINE_MS=10000 in the environment is how long to wait for what must come.
Exit codes: 0 nothing failed; 1 something failed, or the server died on the way;
            2 nothing was checked: the command line is wrong, or a server could not be reached at the start.`

const TIMERS: readonly TimerName[] = ['ping', 'register', 'idle']

class UsageError extends Error {}

/** Runs the suite as the command line says. Returns the exit code. */
async function main(args: string[]): Promise<number> {
  const options = read(args)
  if (options === undefined) {
    console.log(USAGE)
    return 0
  }
  for (const url of options.target.urls) {
    const why = await whyUnreachable(url)
    if (why === undefined) continue
    console.error(`${url} cannot be reached: ${why}`)
    return 2
  }
  const outcome = await runAll(options.chosen, options.target, { tell: printResult })
  printOutcome(outcome)
  const failed = outcome.results.some((result) => result.outcome === 'FAIL')
  return failed || outcome.death !== undefined ? 1 : 0
}

function read(args: string[]): { target: Target; chosen: Case[] } | undefined {
  const { values, positionals } = parse(args)
  if (values.help) return undefined
  const [first, ...others] = positionals
  if (first === undefined) throw new UsageError('the URL of the server is missing')
  const wrong = positionals.find((url) => !URL.canParse(url) || !/^wss?:$/.test(new URL(url).protocol))
  if (wrong !== undefined) throw new UsageError(`"${wrong}" is not a URL such as ws://127.0.0.1:3000/chat`)
  if (!(DEADLINE_MS >= 1)) throw new UsageError('TEST_DEADLINE_MS must be a number of milliseconds')
  const target: Target = {
    urls: [first, ...others],
    timers: readTimers(values.timers),
    load: values.load,
  }
  return { target, chosen: choose(values.only, values['source-only']) }
}

function choose(text: string, sourceOnly: boolean): Case[] {
  const origin = cases.filter((one) => !sourceOnly || originOf(one) === 'source')
  const chosen = origin.filter((one) => titleOf(one).includes(text))
  if (chosen.length > 0) return chosen
  throw new UsageError(`no case ${sourceOnly ? 'of the source ' : ''}has "${text}" in its section or name`)
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
        'source-only': { type: 'boolean', default: false },
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

// Should anything end it before it has told its totals, that is no success.
process.exitCode = 1
main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    if (!(error instanceof UsageError)) throw error
    console.error(`${error.message}\n\n${USAGE}`)
    process.exitCode = 2
  },
)
