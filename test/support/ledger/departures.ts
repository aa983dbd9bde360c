import type { Account } from './account.js'

interface Range {
  readonly least: number
  readonly most: number
}

const NONE: Range = { least: 0, most: 0 }
const ONE: Range = { least: 1, most: 1 }
const PERHAPS: Range = { least: 0, most: 1 }

/** The answer to `disconnect`. */
const NORMAL = 1000

/** The name went to somebody else while its node counted as dead: it was seen to leave then, and not when it was closed. */
const NAME_LOST = 4006

/** Everyone sees everyone else leave, once, and nobody who has not left. */
export function departureProblems(accounts: readonly Account[]): string[] {
  return accounts.flatMap((observer) => {
    if (observer.joinedAt === undefined) return []
    const seen = new Map<string, number>()
    for (const sight of observer.sights) {
      if (sight.kind === 'left') seen.set(sight.name, (seen.get(sight.name) ?? 0) + 1)
    }
    const names = new Set([...seen.keys(), ...accounts.map(({ name }) => name)])
    return [...names].flatMap((name) => {
      const { least, most } = expected(observer, name, accounts)
      const times = seen.get(name) ?? 0
      if (times >= least && times <= most) return []
      return [
        `${observer} saw ${name} leave ${times} times, not ${least === most ? least : `${least} to ${most}`}`,
      ]
    })
  })
}

/** How often an observer must see somebody of that name leave. */
function expected(observer: Account, name: string, accounts: readonly Account[]): Range {
  const ranges = accounts
    .filter((account) => account.name === name)
    .map((account) => (account === observer ? ofItself(observer) : departures(observer, account)))
  const most = ranges.reduce((sum, range) => sum + range.most, 0)
  // Who is no longer there need not have seen everything.
  const least = observer.present ? ranges.reduce((sum, range) => sum + range.least, 0) : 0
  return { least, most }
}

/** Only who takes its leave sees itself go. */
function ofItself({ closeCode }: Account): Range {
  return closeCode === NORMAL ? PERHAPS : NONE
}

function departures(observer: Account, account: Account): Range {
  const ends = atTheEnd(observer, account)
  const swept = account.doubts.map(({ since, certain }) =>
    certain && since > observer.since ? ONE : PERHAPS,
  )
  return {
    // Who ends while it counts as dead leaves but once.
    least: Math.max(ends.least, swept.filter(({ least }) => least > 0).length),
    most: ends.most + swept.length,
  }
}

function atTheEnd(observer: Account, account: Account): Range {
  const { endedAt, joinedAt, name } = account
  if (endedAt === undefined || account.closeCode === NAME_LOST) return NONE
  if (observer.closedAt !== undefined && observer.closedAt < account.askedAt) return NONE
  if (joinedAt === undefined) return account.rejection === undefined ? PERHAPS : NONE
  const listed = observer.listed.includes(name)
  const overlapping = joinedAt > observer.askedAt
  if (endedAt <= observer.since) return listed || overlapping ? PERHAPS : NONE
  return listed || overlapping ? ONE : PERHAPS
}
