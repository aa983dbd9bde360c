/** Mutations of valid frames of every type, over few connections: each gets what it must get, and no more. */
import type { Decoded } from '../../../src/protocol/codec.js'
import { keyOf } from '../../../src/protocol/names.js'
import { Client, type Frame } from '../../conformance/client.js'
import {
  broadcast,
  changeStatus,
  disconnect,
  listUsers,
  register,
  toOne,
  userInfo,
} from '../../conformance/frames.js'
import type { Dice } from '../../support/dice.js'
import type { Attack, Ground } from '../ground.js'
import { mutated } from '../mutate.js'
import {
  answersTo,
  expectOneError,
  type Input,
  input,
  join,
  newName,
  shown,
  withClients,
} from '../stranger.js'

/** How many connections are fuzzed at the same time. */
const LANES = 6
/** So many inputs are under way on a connection. */
const CHUNK = 100
/** One in so many is a `register`, before any other has succeeded; and one in so many would end the connection, were it right. */
const NEWCOMERS = 8
const FAREWELLS = 60

export const fuzzFrames: Attack = async (ground, amount) => {
  const lanes = Array.from({ length: LANES }, (_, lane) => Math.ceil((amount - lane) / LANES))
  const counts = await Promise.all(
    lanes.map((share) => fuzzLane({ ...ground, dice: ground.dice.another() }, share)),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}

async function fuzzLane({ nodes, dice }: Ground, amount: number): Promise<number> {
  const url = () => dice.pick(nodes).url
  const newcomers = Math.floor(amount / NEWCOMERS)
  for (let tried = 0; tried < newcomers; ) tried += await fuzzNewcomer(url(), dice, newcomers - tried)
  for (let tried = newcomers; tried < amount; ) tried += await fuzzMember(url(), dice, amount - tried)
  return amount
}

/** Tries inputs on one connection, until one ends it or there are no more. */
function fuzzMember(url: string, dice: Dice, most: number): Promise<number> {
  return withClients(async (keep) => {
    const client = keep(await join(url, dice))
    let tried = 0
    while (tried < most) {
      const { chunk, last } = inputsFor(client.name, dice, Math.min(CHUNK, most - tried))
      const answers = await answersTo(client, chunk)
      for (const [index, tried] of chunk.entries()) judge(tried, answers[index] ?? [], client.name)
      tried += chunk.length
      if (last === undefined) continue
      client.send(last.data)
      await expectEnd(client, last.decoded.kind === 'close' ? 1007 : 1000, last.data)
      return tried + 1
    }
    return tried
  })
}

/** Inputs that leave the connection as it is, up to the first that does not. */
function inputsFor(name: string, dice: Dice, most: number): { chunk: Input[]; last?: Input } {
  const chunk: Input[] = []
  while (chunk.length < most) {
    const next = input(mutated(template(name, dice), dice), dice.happens(0.1))
    if (ends(next.decoded, name)) return { chunk, last: next }
    chunk.push(next)
  }
  return { chunk }
}

function template(name: string, dice: Dice): object & Record<string, unknown> {
  if (dice.below(FAREWELLS) === 0) return disconnect(name)
  return dice.pick([
    register(name),
    { ...broadcast(name, 'Hola a todos'), timestamp: '2026-01-01T00:00:00.000Z' },
    toOne(name, name, '¿Qué tal?'),
    toOne(name, 'Nadie', 'Hola'),
    listUsers(name),
    userInfo(name, name),
    userInfo(name, 'Nadie'),
    changeStatus(name, dice.pick(['ACTIVO', 'OCUPADO', 'INACTIVO'])),
  ])
}

const own = (sender: string, name: string) => keyOf(sender) === keyOf(name)

function ends(decoded: Decoded, name: string): boolean {
  if (decoded.kind !== 'frame') return decoded.kind === 'close'
  return decoded.frame.type === 'disconnect' && own(decoded.frame.sender, name)
}

async function expectEnd(client: Client, expected: number, data: Uint8Array | string): Promise<void> {
  const { code } = await client.closed()
  if (code !== expected) throw new Error(`${shown(data)} was closed ${code}, not ${expected}`)
}

/** What must come of an input of somebody who is registered. */
function judge({ data, decoded }: Input, answers: readonly Frame[], name: string): void {
  const question = decoded.kind === 'frame' && ['list_users', 'user_info'].includes(decoded.frame.type)
  if (decoded.kind === 'refused' || isForged(decoded, name)) expectOneError(data, answers)
  else if (answers.length > 1 || (question && answers.length === 0))
    throw new Error(`${shown(data)} was answered ${answers.length} times`)
}

function isForged(decoded: Decoded, name: string): boolean {
  if (decoded.kind !== 'frame') return false
  const { type, sender } = decoded.frame
  if (['list_users', 'user_info', 'register'].includes(type)) return false
  return typeof sender !== 'string' || !own(sender, name)
}

/** Mutations of `register` on a connection that is not registered, until one succeeds, or ends it. */
function fuzzNewcomer(url: string, dice: Dice, most: number): Promise<number> {
  return withClients(async (keep) => {
    const client = keep(await Client.open(url))
    const inputs: Input[] = []
    while (inputs.length < Math.min(CHUNK, most) && inputs.at(-1)?.decoded.kind !== 'close')
      inputs.push(newcomerInput(dice))
    client.sendAll(inputs.map(({ data }) => data))
    // Once one has succeeded, the others are refused: a connection registers once.
    for (const { decoded, data } of inputs) {
      if (decoded.kind === 'close') await expectEnd(client, 1007, data)
      else await client.next(['register_success', 'error'])
    }
    return inputs.length
  })
}

function newcomerInput(dice: Dice): Input {
  for (;;) {
    const content = dice.pick([null, 'x', {}, { password: 'corta' }, { token: 'a.b.c' }])
    const next = input(mutated({ ...register(newName(dice)), content }, dice))
    if (next.decoded.kind !== 'frame' || next.decoded.frame.type === 'register') return next
  }
}
