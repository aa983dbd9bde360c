/** Part 2, 6: what was said, page by page. */
import t, { type Test } from 'tap'
import { Client } from '../../conformance/client.js'
import type { RunningApp } from '../../support/app.js'
import { Extended, type Fields } from '../../support/extended.js'
import { type OpenPair, onEveryBackplane } from '../../support/pairs.js'
import { until } from '../../support/until.js'

const FAST = { RATE_PER_SECOND: '0' }

interface Page {
  readonly messages: Fields[]
  readonly more: boolean
}

/** Asks for a page. */
async function page(asker: Extended, content?: object): Promise<Page> {
  asker.send({ type: 'history', ...(content && { content }) })
  const { content: answer } = await asker.next(['history_response', 'error'])
  if (typeof answer !== 'object' || answer === null) throw new Error(`it was refused: ${answer}`)
  const { messages, more }: Partial<Record<string, unknown>> = { ...answer }
  if (!Array.isArray(messages) || typeof more !== 'boolean') throw new Error('that is no page')
  return { messages, more }
}

const said = ({ heard }: Extended) => heard.filter(({ type }) => type === 'broadcast')

const contents = (frames: readonly Fields[]) => frames.map(({ content }) => Number(content))

async function history(t: Test, open: OpenPair): Promise<void> {
  /** Somebody who has said some numbers, from 1, among other things that happened; and somebody on the other node. */
  async function talked(t: Test, count: number, env = {}) {
    const pair = await open(t, { ...FAST, ...env })
    const ana = await Extended.enter(pair.one, 'Ana')
    for (let number = 1; number <= count; number += 1) {
      ana.say(`${number}`)
      if (number % 10 === 0) ana.send({ type: 'change_status', content: number % 20 ? 'OCUPADO' : 'ACTIVO' })
      if (number % 7 === 0) ana.tell('Ana', 'not for the history')
    }
    await ana.settle()
    const asker = await Extended.enter(pair.two, 'Beto')
    await ana.next('user_connected')
    const alike = () => pair.two.node.directory.position.offset >= pair.one.node.directory.position.offset
    await until('both nodes are alike', alike)
    return { pair, ana, asker }
  }

  await t.test('the answer: its fields, and the frames as they came live', async (t) => {
    const { ana, asker } = await talked(t, 3)
    asker.send({ type: 'history', sender: 'Beto', content: {}, ref: 'r' })
    const frame = await asker.next()
    t.same(Object.keys(frame), ['type', 'sender', 'content', 'timestamp', 'ref'])
    t.match(frame, { type: 'history_response', sender: 'server', ref: 'r' })
    t.equal(JSON.stringify(frame.content), JSON.stringify({ messages: said(ana), more: false }))
    asker.client.send({ type: 'history' })
    const { raw } = await asker.client.next()
    t.same(Object.keys(JSON.parse(raw)), ['type', 'sender', 'content', 'timestamp'], 'also without a sender')
    t.match(raw, /"more":false\},"timestamp":"[^"]*"\}$/)
  })

  await t.test('nothing was said', async (t) => {
    const { asker } = await talked(t, 0)
    t.same(await page(asker), { messages: [], more: false })
    t.same(await page(asker, { before: asker.point.position }), { messages: [], more: false })
  })

  await t.test(
    'limit: the latest so many, 50 if it does not say; more: whether there is more before them',
    async (t) => {
      const { ana, asker } = await talked(t, 120)
      const wanted: [content: object | undefined, first: number, more: boolean][] = [
        [undefined, 71, true],
        [{}, 71, true],
        [{ limit: 1 }, 120, true],
        [{ limit: 50 }, 71, true],
        [{ limit: 99 }, 22, true],
        [{ limit: 100 }, 21, true],
      ]
      for (const someone of [ana, asker]) {
        for (const [content, first, more] of wanted) {
          const found = await page(someone, content)
          t.same(contents(found.messages), numbers(first, 120), JSON.stringify(content))
          t.equal(found.more, more)
        }
      }
    },
  )

  await t.test('before: the page in front of it, back to the first', async (t) => {
    for (const limit of [1, 7, 40, 60, 100]) {
      const { ana, asker } = await talked(t, 120)
      const positions = said(ana).map(({ position }) => position)
      for (const someone of [ana, asker]) {
        let before: unknown
        let first = 121
        while (first > 1) {
          const { messages, more } = await page(someone, { limit, ...(before !== undefined && { before }) })
          const from = Math.max(first - limit, 1)
          if (contents(messages).join() !== numbers(from, first - 1).join())
            t.same(contents(messages), numbers(from, first - 1))
          if (more !== from > 1) t.equal(more, from > 1, `more before ${from}`)
          first = from
          before = messages[0]?.position
          t.equal(before, positions[first - 1], `${limit}: ${first}`)
        }
        t.same(await page(someone, { before }), { messages: [], more: false })
      }
    }
  })

  await t.test('before: any position will do', async (t) => {
    const { ana, asker } = await talked(t, 30)
    const positions = said(ana).map(({ position }) => String(position))
    const epoch = positions[0]?.split('-')[0]
    t.same(contents((await page(asker, { before: `${epoch}-0` })).messages), [])
    t.same(contents((await page(asker, { before: `${epoch}-99999999`, limit: 2 })).messages), [29, 30])
    t.same(contents((await page(asker, { before: asker.point.position, limit: 2 })).messages), [29, 30])
    const status = ana.heard.find(({ type }) => type === 'status_update')
    t.same(
      contents((await page(asker, { before: status?.position, limit: 1 })).messages),
      [10],
      'also one that is no message',
    )
  })

  await t.test('no more than HISTORY_LENGTH are kept, whoever joins and leaves; with 0 none', async (t) => {
    const { pair, ana, asker } = await talked(t, 50, { HISTORY_LENGTH: '20', LOG_LENGTH: '30' })
    for (let count = 0; count < 30; count += 1) {
      const client = await Client.join(pair.one.url, 'Eva')
      client.send({ type: 'disconnect', sender: 'Eva' })
      await client.closed()
    }
    await asker.settle()
    for (const someone of [ana, asker]) {
      t.same(contents((await page(someone, { limit: 20 })).messages), numbers(31, 50))
      t.equal((await page(someone, { limit: 20 })).more, false)
    }
    const none = await talked(t, 5, { HISTORY_LENGTH: '0' })
    for (const someone of [none.ana, none.asker]) {
      t.same(await page(someone), { messages: [], more: false })
      t.same(await page(someone, { before: someone.point.position }), { messages: [], more: false })
    }
    t.same((await Extended.enter(none.pair.one, 'Carla', { history: 9 })).welcome.history, [])
  })

  await t.test('what an operator has erased is not there any more, on any node', async (t) => {
    for (const count of [10, 150]) {
      const { pair, ana, asker } = await talked(t, count)
      const positions = said(ana).map(({ position }) => String(position))
      const erase = async (app: RunningApp, number: number) => {
        const [epoch = '', offset] = (positions[number - 1] ?? '').split('-')
        return app.node.decrees.erase({ epoch, offset: Number(offset) })
      }
      t.equal(await erase(pair.one, 3), 'done')
      t.equal(await erase(pair.two, count - 1), 'done')
      t.equal(await erase(pair.one, 3), 'absent')
      await ana.settle()
      await asker.settle()
      const left = numbers(1, count).filter((number) => number !== 3 && number !== count - 1)
      for (const someone of [ana, asker]) {
        const last = await page(someone, { limit: 50 })
        t.same(contents(last.messages), left.slice(-50))
        t.same(contents((await page(someone, { before: positions[4] })).messages), [1, 2, 4])
      }
      const wanted = left.slice(-100)
      const welcomed = async () => {
        const carla = await Extended.enter(pair.one, 'Carla', { history: 100 })
        carla.send({ type: 'disconnect' })
        await carla.client.closed()
        return carla.welcome
      }
      const isFull = ({ history }: Fields) => Array.isArray(history) && history.length === wanted.length
      const welcome = await until('an older one has its place', async () => {
        const found = await welcomed()
        return isFull(found) ? found : undefined
      })
      t.same(Array.isArray(welcome?.history) && contents(welcome.history), wanted)
    }
  })

  await t.test('invalid values', async (t) => {
    const { asker } = await talked(t, 1)
    const wrong = [
      ...[0, -1, 101, 1.5, '5', null, [], true, 1e300].map((limit) => ({ limit })),
      ...[null, 5, '', 'x', 'abc-', '-1', 'abc-1.5', {}, []].map((before) => ({ before })),
      ...['text', 5, true],
    ]
    for (const content of wrong) {
      asker.send({ type: 'history', content, ref: 'r' })
      const frame = await asker.next()
      t.match(
        frame,
        { type: 'error', content: /^El campo "content/, code: 'INVALID_FIELD', ref: 'r' },
        JSON.stringify(content),
      )
    }
    t.equal((await page(asker, { unknown: 1 })).messages.length, 1, 'unknown keys are ignored')
    asker.send({ type: 'history', content: null })
    t.match(await asker.next(), { type: 'history_response' })
  })

  await t.test('it shows what was said before it, in one go', async (t) => {
    const { ana } = await talked(t, 0)
    ana.send(
      { type: 'broadcast', content: '1' },
      { type: 'history', ref: 'one' },
      { type: 'broadcast', content: '2' },
      { type: 'history', ref: 'two' },
    )
    const answers: Fields[] = []
    while (answers.length < 4) answers.push(await ana.next())
    t.match(answers, [
      { type: 'broadcast', content: '1' },
      { type: 'history_response', ref: 'one', content: { messages: [{ content: '1' }] } },
      { type: 'broadcast', content: '2' },
      { type: 'history_response', ref: 'two', content: { messages: [{ content: '1' }, { content: '2' }] } },
    ])
  })

  await t.test(
    'to a base session it is no frame at all: the very text of any other unknown type',
    async (t) => {
      const { pair } = await talked(t, 1)
      for (const app of [pair.one, pair.two]) {
        const name = app === pair.one ? 'Eva' : 'Eva 2'
        const stranger = await Client.open(app.url)
        const eva = await Client.join(app.url, name)
        const text = async (client: Client, frame: object) => {
          client.send(frame)
          return (await client.next()).raw.replace(/"timestamp":"[^"]*"/, '')
        }
        const unknown = await text(eva, { type: 'historia', sender: name })
        t.match(
          unknown,
          /los tipos son: register, broadcast, private, list_users, user_info, change_status, disconnect"/,
        )
        const frames = [
          {},
          { sender: name },
          { content: { limit: 0 } },
          { content: 'x' },
          { sender: 5, ref: 'r' },
        ]
        for (const frame of frames) {
          t.equal(await text(eva, { type: 'history', ...frame }), unknown, JSON.stringify(frame))
          t.equal(
            await text(stranger, { type: 'history', ...frame }),
            await text(stranger, { type: 'historia', ...frame }),
          )
        }
      }
    },
  )
}

function numbers(first: number, last: number): number[] {
  return Array.from({ length: Math.max(last - first + 1, 0) }, (_, index) => first + index)
}

await onEveryBackplane(t, history)
