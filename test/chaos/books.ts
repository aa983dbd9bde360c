/** What everyone of a crowd has said and seen, and whether that fits together. Pure. */

/** What became of something that was sent: `undecided` where the library says that nobody knows. */
export type Fate = 'acknowledged' | 'refused' | 'undecided'

/** Something that was said, to all or to one. Its text is unlike every other. */
export interface Saying {
  readonly from: string
  /** undefined: to all. */
  readonly to: string | undefined
  readonly text: string
  readonly fate: Fate
}

/** What one of the crowd has seen, in its order. */
export interface Sights {
  readonly name: string
  readonly messages: readonly string[]
  readonly privates: readonly string[]
  /** What was said to have been lost. */
  readonly losses: readonly string[]
}

/** Everything that cannot be, if each has got everything once and in order. */
export function contradictions(sayings: readonly Saying[], crowd: readonly Sights[]): string[] {
  const broadcasts = sayings.filter(({ to }) => to === undefined)
  const [reference] = crowd
  if (reference === undefined) return ['nobody was there']
  return [
    ...crowd.flatMap(({ name, losses }) => losses.map((loss) => `${name} was told of a loss: ${loss}`)),
    ...misseen(reference.name, reference.messages, broadcasts),
    ...crowd.flatMap(({ name, messages }) => differing(reference, name, messages)),
    ...crowd.flatMap(({ name, privates }) =>
      misseen(
        name,
        privates,
        sayings.filter(({ to }) => to === name),
      ),
    ),
    ...crowd.flatMap((sights) => outOfOrder(sayings, sights)),
  ]
}

/** What is missing, what is there twice, and what should not be there. */
function misseen(name: string, seen: readonly string[], sayings: readonly Saying[]): string[] {
  const counts = new Map<string, number>()
  for (const text of seen) counts.set(text, (counts.get(text) ?? 0) + 1)
  const known = new Map(sayings.map((saying) => [saying.text, saying]))
  const problems: string[] = []
  for (const [text, count] of counts) {
    const saying = known.get(text)
    if (saying === undefined) problems.push(`${name} saw "${text}", which nobody said`)
    else if (saying.fate === 'refused') problems.push(`${name} saw "${text}", which was refused`)
    if (count > 1) problems.push(`${name} saw "${text}" ${count} times`)
  }
  for (const { text, fate } of sayings)
    if (fate === 'acknowledged' && !counts.has(text)) problems.push(`${name} did not see "${text}"`)
  return problems
}

/** The first place in which somebody's list is not that of another. */
function differing(
  { name: other, messages: those }: Sights,
  name: string,
  these: readonly string[],
): string[] {
  const length = Math.max(these.length, those.length)
  for (let index = 0; index < length; index += 1) {
    if (these[index] !== those[index])
      return [`${name} saw "${these[index]}" as number ${index}, and ${other} "${those[index]}"`]
  }
  return []
}

/** Whoever says two things, and sends the second after the first, is heard in that order. */
function outOfOrder(sayings: readonly Saying[], { name, messages, privates }: Sights): string[] {
  const ranks = new Map(sayings.map(({ text }, index) => [text, index]))
  const speakers = new Map(sayings.map(({ text, from }) => [text, from]))
  return [messages, privates].flatMap((seen) => {
    const last = new Map<string | undefined, number>()
    return seen.flatMap((text) => {
      const speaker = speakers.get(text)
      const rank = ranks.get(text) ?? -1
      const before = last.get(speaker) ?? -1
      last.set(speaker, Math.max(rank, before))
      return rank < before ? [`${name} saw "${text}" behind what ${speaker} said later`] : []
    })
  })
}
