import type { Account, Message } from './account.js'
import type { Excuses } from './deliveries.js'

/** All broadcasts come to everyone in one order; what one client sends comes to each other in the order of sending. */
export function orderProblems(accounts: readonly Account[], { broadcasts = false }: Excuses): string[] {
  return [...oneOrder(accounts, broadcasts), ...accounts.flatMap((account) => ownOrder(account))]
}

function broadcastsOf(account: Account): Message[] {
  return account.sights.flatMap((sight) => (sight.kind === 'said' ? [sight.message] : []))
}

/**
 * Compares what each saw with what those saw who saw most: between what two have in common they must have seen the same.
 * @param gaps whether either may have missed something in between
 */
function oneOrder(accounts: readonly Account[], gaps: boolean): string[] {
  const stories = accounts
    .map((account) => ({ account, messages: broadcastsOf(account) }))
    .sort((one, other) => other.messages.length - one.messages.length)
  const problems: string[] = []
  for (const [index, story] of stories.entries()) {
    const unknown = new Set(story.messages)
    for (const longer of stories.slice(0, index)) {
      if (unknown.size === 0) break
      const common = (messages: readonly Message[], others: readonly Message[]) =>
        gaps ? messages.filter((message) => others.includes(message)) : messages
      const difference = compare(
        common(longer.messages, story.messages),
        common(story.messages, longer.messages),
      )
      if (difference !== undefined)
        problems.push(`${longer.account} and ${story.account} do not tell the same: ${difference}`)
      for (const message of longer.messages) unknown.delete(message)
    }
  }
  return problems
}

/** The first difference between two stories, from the first to the last that they have in common. */
function compare(one: readonly Message[], other: readonly Message[]): string | undefined {
  const places = new Map(one.map((message, place) => [message, place]))
  const from = other.findIndex((message) => places.has(message))
  const to = other.findLastIndex((message) => places.has(message))
  const [first, last] = [other[from], other[to]]
  if (first === undefined || last === undefined) return undefined
  const start = places.get(first) ?? 0
  const end = places.get(last) ?? 0
  if (end < start) return `"${last.content}" and "${first.content}" stand the other way round`
  const length = Math.max(to - from, end - start) + 1
  for (let step = 0; step < length; step += 1) {
    const [left, right] = [one[start + step], other[from + step]]
    if (left !== right) return `"${left?.content}" and "${right?.content}" stand in the same place`
  }
  return undefined
}

function ownOrder(account: Account): string[] {
  const last = new Map<Account, Message>()
  const problems: string[] = []
  for (const sight of account.sights) {
    if (sight.kind !== 'said' && sight.kind !== 'private') continue
    const { message } = sight
    const before = last.get(message.from)
    if (before !== undefined && before.number > message.number)
      problems.push(`${account} saw "${message.content}" after "${before.content}", which was sent later`)
    last.set(message.from, message)
  }
  return problems
}
