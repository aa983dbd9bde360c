/** What can be asked of the benchmark. */
import { parseArgs } from 'node:util'

export interface Options {
  readonly quick: boolean
  readonly check: boolean
  readonly publish: boolean
  readonly only: readonly string[]
  readonly out?: string | undefined
}

const usage = (scenarios: readonly string[]) => `npm run bench [-- OPTIONS]
  --quick      what tells most, once, in about two minutes; without it everything, in less than twenty
  --only ID    one scenario; may be repeated: ${scenarios.join(', ')}
  --check      ends with 1 if a figure is twice as bad as its limit, or was not measured
  --out DIR    where results go; otherwise build/bench/ or a folder in it
  --publish    writes the results into docs/performance.md`

/** Ends with a sentence, and not with a stack. */
export function refuse(why: string): never {
  console.error(why)
  process.exit(1)
}

/**
 * Reads the command line, and ends the process where it asks for help or makes no sense.
 * @param scenarios the ids that there are
 */
export function readOptions(scenarios: readonly string[]): Options {
  const { help, only = [], ...options } = parse(usage(scenarios))
  if (help) {
    console.log(usage(scenarios))
    process.exit(0)
  }
  for (const id of only)
    if (!scenarios.includes(id)) refuse(`there is no scenario ${id}\n${usage(scenarios)}`)
  if (options.check && only.length > 0) refuse('--check needs all scenarios: leave out --only')
  if (options.publish && (options.quick || only.length > 0)) refuse('only a run of everything is published')
  return { ...options, only }
}

function parse(usage: string) {
  try {
    return parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        check: { type: 'boolean', default: false },
        publish: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true },
        out: { type: 'string' },
      },
    }).values
  } catch (error) {
    return refuse(`${error instanceof Error ? error.message : error}\n${usage}`)
  }
}
