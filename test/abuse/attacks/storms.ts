/** Many at once: connections, and registrations. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { Client, type Frame } from '../../conformance/client.js'
import { register } from '../../conformance/frames.js'
import type { Attack, Ground } from '../ground.js'
import { requestOf, times, UPGRADE } from '../raw.js'
import { newName, withClients } from '../stranger.js'

/** Nothing but answers: each of them would have to read what all the others do. */
const ANSWERS: ReadonlySet<string> = new Set(['register_success', 'error'])
const keep = ({ type }: Frame) => ANSWERS.has(type)

/** All come at once, and all of them are served: nobody is refused, and for nobody it takes too long. */
export const connectStorm: Attack = ({ nodes, dice }, amount) =>
  withClients(async (hold) => {
    const { url } = dice.pick(nodes)
    await Promise.all(
      Array.from({ length: amount }, async () => {
        const client = hold(await Client.open(url, { keep }))
        await client.register(newName(dice))
      }),
    )
    return amount
  })

/** Those who are gone again before they are served. */
export const fleetingConnections: Attack = async ({ nodes, dice }, amount) => {
  const request = Buffer.from(requestOf(UPGRADE))
  await times(amount, 200, async () => {
    const { port } = dice.pick(nodes)
    const part = dice.happens(0.5) ? request : request.subarray(0, dice.below(request.length))
    const resets = dice.happens(0.5)
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    const closed = once(socket, 'close')
    socket.write(part)
    if (resets) socket.resetAndDestroy()
    else socket.destroy()
    await closed
  })
  // None of them has kept a place.
  await withClients(async (hold) => void hold(await Client.join(dice.pick(nodes).url, newName(dice))))
  return amount
}

/** So many want one name. */
const RIVALS = 50

/** Many want the same name at once, on all nodes: one of them gets it, every time. */
export const registerStorm: Attack = (ground, amount) =>
  withClients(async (hold) => {
    const { nodes, dice } = ground
    const rivals = await Promise.all(
      Array.from({ length: RIVALS }, async () => hold(await Client.open(dice.pick(nodes).url, { keep }))),
    )
    const rounds = Math.ceil(amount / RIVALS)
    for (let round = 0; round < rounds; round += 1) await compete(rivals, ground, hold)
    return rounds * RIVALS
  })

async function compete(
  rivals: Client[],
  { nodes, dice }: Ground,
  hold: (client: Client) => Client,
): Promise<void> {
  const name = newName(dice)
  for (const rival of rivals) rival.send(register(dice.happens(0.5) ? name.toUpperCase() : name))
  const answers = await Promise.all(rivals.map((rival) => rival.next()))
  const winners = rivals.filter((_, index) => answers[index]?.type === 'register_success')
  const wrong = answers.filter(({ type, content }) => type === 'error' && content !== 'El usuario ya existe')
  const [winner] = winners
  if (winners.length !== 1 || winner === undefined || wrong.length > 0)
    throw new Error(`${winners.length} of ${rivals.length} got the same name; ${wrong.map(({ raw }) => raw)}`)
  // Whoever has it goes, and another comes.
  await winner.close()
  rivals[rivals.indexOf(winner)] = hold(await Client.open(dice.pick(nodes).url, { keep }))
}

/** What is wrong with such a frame is not the frame. */
const INVALID = /^El (campo|mensaje)/

/** Passwords are dear to check: whoever brings many is told that it is too much, and others come in meanwhile. */
export const passwordStorm: Attack = ({ nodes, dice }, amount) =>
  withClients(async (hold) => {
    const { url } = dice.pick(nodes)
    const name = newName(dice)
    const clients = await Promise.all(
      Array.from({ length: amount }, async () => hold(await Client.open(url, { keep }))),
    )
    for (const client of clients)
      client.send({
        ...register(dice.happens(0.5) ? name : newName(dice)),
        content: { password: newName(dice) },
      })
    const guest = hold(await Client.join(url, newName(dice), { keep }))
    for (const { type, content, raw } of await Promise.all(
      clients.map((client) => client.next(undefined, 60_000)),
    ))
      if (!ANSWERS.has(type) || INVALID.test(String(content)))
        throw new Error(`a password was answered ${raw}`)
    await guest.close()
    return amount
  })
