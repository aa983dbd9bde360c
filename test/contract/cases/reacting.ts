import type { Proposal } from '../../../src/room/events.js'
import type { Check } from '../check.js'
import { claim, frameOf, type Person, say } from '../people.js'
import type { TestNode } from '../room.js'

/** Has a node propose something as soon as it is told what somebody says; resolves when that has passed. */
function answering(node: TestNode, { key }: Person, answer: Proposal): Promise<void> {
  return new Promise((resolve, reject) => {
    node.sink.react = (told) => {
      if (told.kind === 'said' && told.key === key) node.done(answer).then(() => resolve(), reject)
    }
  })
}

/** What a node does from within its sink, while it is told something. */
export async function reacting(check: Check): Promise<void> {
  await check('what a node commits while it is told something is told behind it, to all', async (t, room) => {
    const nodes = await room.three()
    const [a, b, c] = nodes
    const ana = await a.enter('Ana')
    const question = say(ana, '?')
    const answers = [say(await b.enter('Beto'), '!'), say(await c.enter('Carla'), '!')] as const
    const answered = [answering(b, ana, answers[0]), answering(c, ana, answers[1])]
    await a.done(question)
    await Promise.all(answered)
    for (const node of nodes) {
      await node.catchUp()
      const [first, ...rest] = node.log.slice(-3).map(frameOf)
      t.equal(first, frameOf(question), node.label)
      t.strictSame(new Set(rest), new Set(answers.map(frameOf)), node.label)
    }
  })

  await check('a node that acts while it is told of its own sweep leaves no ghost', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enter('Ana')
    const was = await a.presenceOf(ana)
    const acted = new Promise<void>((resolve, reject) => {
      a.sink.react = ({ kind }) => {
        if (kind === 'left') a.commit(claim(was)).then(() => resolve(), reject)
      }
    })
    await room.sweep(a)
    await a.sink.until('that it lapsed', (told) => told.some(({ kind }) => kind === 'lapsed'))
    await acted
    const { users } = await b.catchUp()
    t.strictSame(
      users.filter(({ node }) => node !== a.id),
      [],
      'nobody belongs to a node that is no more',
    )
  })
}
