import type { Account } from './account.js'

/** Everyone is told each change of everyone's status, once: nothing twice in a row, and the last is what its owner was told. */
export function statusProblems(accounts: readonly Account[]): string[] {
  return accounts.flatMap((observer) => {
    const { last, problems } = read(observer)
    if (!observer.present) return problems
    const missed = accounts.filter((account) => account !== observer && isBehind(observer, account, last))
    return [
      ...problems,
      ...missed.map(({ name, status }) => {
        return `${observer} was told ${last.get(name) ?? 'nothing'} of ${name}, who was told ${status}`
      }),
    ]
  })
}

/** What somebody was told last of everyone who has not left since. */
function read(observer: Account): { last: Map<string, string>; problems: string[] } {
  const last = new Map<string, string>()
  const problems: string[] = []
  for (const sight of observer.sights) {
    if (sight.kind === 'left') last.delete(sight.name)
    if (sight.kind !== 'status') continue
    const { name, status } = sight
    // Who asks for the status that he has is told so, and nobody else.
    if (name !== observer.name && last.get(name) === status)
      problems.push(`${observer} was told twice that ${name} is ${status}`)
    last.set(name, status)
  }
  return { last, problems }
}

/** Whether an observer who was there all the time was not told of somebody's last change. */
function isBehind(observer: Account, account: Account, last: ReadonlyMap<string, string>): boolean {
  const own = account.sights.flatMap((sight) => {
    return sight.kind === 'status' && sight.name === account.name && sight.at > observer.since
      ? [sight.status]
      : []
  })
  if (!account.present || own.length === 0) return false
  // Somebody who was taken for dead was seen to leave, and comes back without a word.
  if (observer.sights.some((sight) => sight.kind === 'left' && sight.name === account.name)) return false
  // One status alone may be the one that was there before: then nobody else is told.
  const told = last.get(account.name)
  return told !== account.status && (told !== undefined || new Set(own).size > 1)
}
