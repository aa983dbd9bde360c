import type { Account, Message } from './account.js'

/** What may be missing after what was done to the servers. Nothing excuses what is seen twice, out of order, or though refused. */
export interface Excuses {
  /** Private messages have no log: they are lost with the connection that they are on. */
  readonly privates?: boolean
  /** Where a part of the log was lost: broadcasts too, and their receipts. */
  readonly broadcasts?: boolean
}

/** What got a receipt is seen once by everyone; what got an error by nobody; and everything gets one or the other. */
export function deliveryProblems(accounts: readonly Account[], excuses: Excuses): string[] {
  const seen = new Map<Message, Account[]>()
  for (const account of accounts) {
    for (const sight of account.sights) {
      if (sight.kind !== 'said' && sight.kind !== 'private') continue
      const witnesses = seen.get(sight.message)
      if (witnesses === undefined) seen.set(sight.message, [account])
      else witnesses.push(account)
    }
  }
  const messages = new Set([...seen.keys(), ...accounts.flatMap(({ sent }) => sent)])
  return [
    ...Array.from(messages).flatMap((message) =>
      messageProblems(message, seen.get(message) ?? [], accounts, excuses),
    ),
    ...accounts.flatMap((account) => answerProblems(account, seen, excuses)),
  ]
}

function messageProblems(
  message: Message,
  witnesses: readonly Account[],
  accounts: readonly Account[],
  excuses: Excuses,
): string[] {
  const { kind, content, from, outcome } = message
  if (kind === 'status') return []
  const twice = witnesses.filter((witness, index) => witnesses.indexOf(witness) !== index)
  const problems = twice.map((witness) => `${witness} saw "${content}" twice`)
  if (outcome === 'refused')
    problems.push(
      ...witnesses.map((witness) => `${witness} saw "${content}", for which ${from} got an error`),
    )
  if (outcome === 'open' && from.present) problems.push(`${from} got no answer for "${content}"`)
  const delivered = outcome === 'accepted' || witnesses.length > 0
  const excused = kind === 'private' ? excuses.privates : excuses.broadcasts
  if (!delivered || excused) return problems
  const missed = audience(message, accounts).filter((account) => !witnesses.includes(account))
  return [...problems, ...missed.map((account) => `${account} did not see "${content}" of ${from}`)]
}

/** Those who were there from before it was sent until now. */
function audience({ kind, to, sentAt }: Message, accounts: readonly Account[]): Account[] {
  const there = accounts.filter((account) => account.present && account.since < sentAt)
  return kind === 'private' ? there.filter((account) => account === to) : there
}

function answerProblems(
  account: Account,
  seen: ReadonlyMap<Message, readonly Account[]>,
  { broadcasts, privates }: Excuses,
): string[] {
  const problems: string[] = []
  if (account.unanswered > 0 && !broadcasts)
    problems.push(`${account} got neither receipt nor error for ${account.unanswered} messages`)
  for (const { messages, refused } of account.unsure) {
    const missing = messages.filter((message) => !seen.has(message))
    const lost = missing.length - refused
    if (lost < 0)
      problems.push(`of ${messages.length} private messages of ${account} ${-lost} came though refused`)
    if (lost > 0 && !privates && messages.every(({ to }) => to?.present))
      problems.push(`of ${messages.length} private messages of ${account} ${lost} were lost`)
  }
  return problems
}
