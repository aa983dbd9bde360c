import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { ManualClock } from './manual-clock.js'
import { socketsTo } from './memory-socket.js'
import { type Fault, type Frame, ModelServer } from './model-server.js'
import { Person } from './people.js'

const FAULTS: readonly Fault[] = ['none', 'before', 'unanswered', 'unacknowledged', 'after', 'deaf']
const MS = 1000

interface Scene {
  readonly server: ModelServer
  readonly clock: ManualClock
  readonly ana: Person
  readonly beto: Person
}

async function enter(): Promise<Scene> {
  const server = new ModelServer()
  const clock = new ManualClock()
  const options = { WebSocket: socketsTo(server), clock, sendTimeoutMs: 1e9 }
  const people = ['Ana', 'Beto'].map((name) => new Person('ws://memory', name, options))
  const [ana, beto] = people
  assert(ana && beto)
  for (const { client } of people) {
    const online = client.connect()
    await clock.advance(0)
    await online
  }
  return { server, clock, ana, beto }
}

/** Lets time pass until everything is settled that was begun, and nobody is away any more. */
async function settle({ clock, ana, beto }: Scene, promises: readonly Promise<unknown>[]): Promise<void> {
  let done = false
  const all = Promise.all(promises).then(() => {
    done = true
  })
  for (let turn = 0; turn < 10_000; turn += 1) {
    await clock.advance(100)
    if (done && ana.client.state === 'online' && beto.client.state === 'online') return all
  }
  throw new Error('not settled')
}

const word = fc.constantFrom('all', 'one')
const fault = fc.constantFrom(...FAULTS)
const plan = fc.record({
  words: fc.array(word, { minLength: 1, maxLength: 12 }),
  answers: fc.array(word, { maxLength: 6 }),
  faults: fc.array(fault, { maxLength: 20 }),
  repeats: fc.nat(3),
  // Private messages that are not sent when they come.
  holes: fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 3 }),
})

t.test('wherever connections break, each message is done once and heard once, in order', async (t) => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ words, answers, faults, repeats, holes }) => {
      const scene = await enter()
      const { server, ana, beto } = scene
      server.repeats = repeats
      for (const hole of holes) server.holes.add(hole)
      const left = [...faults]
      server.fault = () => left.shift() ?? 'none'
      const speak = (speaker: Person, target: string, what: readonly string[]) =>
        what.map((to, index) => {
          const text = `${speaker.client.name} ${index}`
          return to === 'all' ? speaker.client.send(text) : speaker.client.sendTo(target, text)
        })
      await settle(scene, [...speak(ana, 'Beto', words), ...speak(beto, 'Ana', answers)])
      // A hole shows by what comes behind it.
      server.holes.clear()
      await settle(scene, [ana.client.sendTo('Beto', 'end'), beto.client.sendTo('Ana', 'end')])
      // What is missing for a client that broke off is there once it is back; the last break may have come after the last receipt.
      await scene.clock.advance(100 * MS)

      const texts = (frames: readonly Frame[]) => frames.map(({ content }) => String(content))
      const doneBy = (name: string) => texts(server.done.filter(({ sender }) => sender === name))
      assert.deepEqual(doneBy('Ana'), [...words.map((_, index) => `Ana ${index}`), 'end'])
      assert.deepEqual(doneBy('Beto'), [...answers.map((_, index) => `Beto ${index}`), 'end'])
      const said = texts(server.done.filter(({ type }) => type === 'broadcast'))
      const whispered = (to: string) => texts(server.done.filter(({ target }) => target === to))
      assert.deepEqual(ana.said, said)
      assert.deepEqual(beto.said, said)
      assert.deepEqual(ana.whispered, whispered('Ana'))
      assert.deepEqual(beto.whispered, whispered('Beto'))
      for (const { heard, client } of [ana, beto]) {
        assert.deepEqual(heard.lost, [])
        assert.deepEqual(heard.error, [])
        assert.equal(client.state, 'online')
      }
    }),
    { numRuns: 300 },
  )
  t.pass('300 plans')
})

for (const what of FAULTS) {
  t.test(`a break "${what}" at each point of three messages`, async (t) => {
    for (let point = 0; point < 3; point += 1) {
      const scene = await enter()
      const { server, ana, beto } = scene
      let count = 0
      server.fault = ({ type }) => (type === 'broadcast' && count++ === point ? what : 'none')
      await settle(scene, [ana.client.send('a'), ana.client.send('b'), ana.client.send('c')])
      t.same(ana.said, ['a', 'b', 'c'], `point ${point}: Ana`)
      t.same(beto.said, ['a', 'b', 'c'], `point ${point}: Beto`)
      t.equal(server.done.length, 3)
    }
  })
}
