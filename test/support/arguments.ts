/** The command line of programs that go on at random, for as long as one likes. */
import { parseArgs } from 'node:util'

/**
 * Reads `--minutes` and `--seed`; ends the program where they are not right.
 * @param script what npm calls the program
 * @param minutes how long it runs if nobody says
 */
export function arguments_(script: string, minutes: number): { minutes: number; seed: number } {
  try {
    const options = { minutes: { type: 'string', default: `${minutes}` }, seed: { type: 'string' } } as const
    const { values } = parseArgs({ options })
    const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32))
    const given = Number(values.minutes)
    if (given > 0 && Number.isInteger(seed) && seed >= 0) return { minutes: given, seed }
  } catch {
    // Said below.
  }
  return fail(`usage: npm run ${script} -- [--minutes N] [--seed N]`)
}

/** Ends the program, and says why. */
export function fail(message: string): never {
  console.error(message)
  process.exit(1)
}
