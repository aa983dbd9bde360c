import type { Account } from './account.js'

/** Who is present, as one server says, in the order of joining. */
export interface List {
  readonly where: string
  readonly users: readonly { readonly name: string; readonly status: string }[]
}

/** Lists must be equal, hold exactly those who are connected, in the order of joining, with the status that was seen last. */
export function listProblems(accounts: readonly Account[], lists: readonly List[]): string[] {
  const present = accounts.filter((account) => account.present)
  return [
    ...lists.flatMap((list) => [...membershipProblems(present, list), ...orderProblems(present, list)]),
    ...differences(lists),
    ...present.flatMap((account) => statusProblems(account, lists)),
    ...present.flatMap((account) => welcomeProblems(account, accounts)),
  ]
}

/** Whether every server lists exactly those who are connected. */
export function isComplete(accounts: readonly Account[], lists: readonly List[]): boolean {
  const present = accounts.filter((account) => account.present)
  return lists.every((list) => membershipProblems(present, list).length === 0)
}

function membershipProblems(present: readonly Account[], { where, users }: List): string[] {
  const listed = new Set(users.map(({ name }) => name))
  const names = new Set(present.map(({ name }) => name))
  const missing = [...names].filter((name) => !listed.has(name))
  const ghosts = [...listed].filter((name) => !names.has(name))
  return [
    ...missing.map((name) => `${where} does not list ${name}, who is connected`),
    ...ghosts.map((name) => `${where} lists ${name}, who has gone`),
    ...(listed.size === users.length ? [] : [`${where} lists somebody twice`]),
  ]
}

/** Whoever had registered before another began to stands before him. */
function orderProblems(present: readonly Account[], { where, users }: List): string[] {
  const places = new Map(users.map(({ name }, place) => [name, place]))
  const problems: string[] = []
  for (const earlier of present) {
    for (const later of present) {
      const before = (earlier.joinedAt ?? 0) < later.askedAt
      if (before && (places.get(earlier.name) ?? -1) > (places.get(later.name) ?? Number.POSITIVE_INFINITY))
        problems.push(`${where} lists ${later.name} before ${earlier.name}, who came first`)
    }
  }
  return problems
}

function differences([first, ...others]: readonly List[]): string[] {
  if (first === undefined) return []
  const text = JSON.stringify(first.users)
  return others
    .filter(({ users }) => JSON.stringify(users) !== text)
    .map(({ where, users }) => `${where} lists ${JSON.stringify(users)}, but ${first.where} ${text}`)
}

function statusProblems(account: Account, lists: readonly List[]): string[] {
  const { name, status } = account
  return lists.flatMap(({ where, users }) =>
    users
      .filter((user) => user.name === name && user.status !== status)
      .map((user) => `${where} says that ${name} is ${user.status}, who was told ${status}`),
  )
}

/** `register_success` lists all who had registered before, wherever, and the new one last. */
function welcomeProblems(account: Account, accounts: readonly Account[]): string[] {
  const { isNew, listed, name, askedAt, joinedAt = 0 } = account
  if (!isNew) return []
  const sure = accounts.filter(
    (other) =>
      other !== account &&
      (other.joinedAt ?? Number.POSITIVE_INFINITY) < askedAt &&
      (other.endedAt ?? Number.POSITIVE_INFINITY) > joinedAt &&
      !other.doubts.some(({ since }) => since < joinedAt),
  )
  const missing = sure.filter((other) => !listed.includes(other.name))
  return [
    ...missing.map((other) => `${account} was not told that ${other} was there when it registered`),
    ...(listed.at(-1) === name ? [] : [`${account} was not the last of its own list: ${listed.join(', ')}`]),
  ]
}
