/** Those who claim to be somebody else. */
import { Client } from '../../conformance/client.js'
import { broadcast, changeStatus, disconnect, hasLeft, nowHas, toOne } from '../../conformance/frames.js'
import type { Attack, Ground } from '../ground.js'
import { allRefused, input, join, withClients } from '../stranger.js'

/** So many are under way. */
const CHUNK = 50

/** What one could write instead of a name, to pass for its owner. */
const DISGUISES: readonly ((name: string) => unknown)[] = [
  (name) => name,
  (name) => name.toUpperCase(),
  (name) => ` ${name} `,
  (name) => `${name}\u0000`,
  (name) => `${name}\u200b`,
  (name) => name.replaceAll(/[a-z0-9]/g, (char) => String.fromCodePoint((char.codePointAt(0) ?? 0) + 0xfee0)),
  (name) => name.replaceAll('n', '\u0578'),
  (name) => [name],
  (name) => ({ name, toString: name }),
  (name) => Buffer.from(name),
  () => 'server',
  () => 'SERVER',
  () => '',
  () => null,
  () => 1,
  () => true,
  () => '__proto__',
  () => 'constructor',
]

/** Frames that speak for their sender. */
const SPEAKING: readonly ((sender: string, target: string) => object)[] = [
  (sender) => broadcast(sender, 'No soy yo'),
  (sender, target) => toOne(sender, target, 'No soy yo'),
  (sender) => changeStatus(sender, 'OCUPADO'),
  (sender) => disconnect(sender),
]

/** Frames that only servers send. */
const OF_SERVERS: readonly ((name: string) => object)[] = [
  hasLeft,
  (name) => nowHas(name, 'OCUPADO'),
  (name) => ({ type: 'register_success', sender: 'server', content: 'Registro exitoso', userList: [name] }),
  (name) => ({ type: 'list_users_response', sender: 'server', content: [name] }),
  () => ({ type: 'error', sender: 'server', content: 'El usuario ya existe' }),
]

/** Frames in the names of others: each gets an error, registered or not, and nobody else hears of it. */
export const forgeSenders: Attack = (ground, amount) =>
  withClients(async (keep) => {
    const { nodes, dice } = ground
    const member = keep(await join(dice.pick(nodes).url, dice))
    const newcomer = keep(await Client.open(dice.pick(nodes).url))
    let tried = 0
    for (; tried < amount; tried += CHUNK) {
      const texts = Array.from({ length: CHUNK }, () => forged(ground, member.name))
      await allRefused(
        member,
        texts.map((text) => input(text)),
      )
      // What he sends is not understood yet, whoever he says he is; and taking his leave he would be let go.
      const understood = texts.filter((text) => !text.includes('"disconnect"'))
      newcomer.sendAll(understood)
      for (const text of understood) {
        const { type, raw } = await newcomer.next()
        if (type !== 'error') throw new Error(`${text} was answered ${raw}`)
      }
    }
    return tried
  })

/** @param own whose connection it is sent over */
function forged({ dice, bystanders }: Ground, own: string): string {
  const name = dice.pick(bystanders)
  if (dice.happens(0.2)) return JSON.stringify(dice.pick(OF_SERVERS)(name))
  const claim = dice.pick(DISGUISES)(name)
  const frame = dice.pick(SPEAKING)(own, dice.pick(bystanders))
  if (dice.happens(0.7)) return JSON.stringify({ ...frame, sender: claim })
  // The right sender, and the same key once more, however it is written: the last one counts.
  const key = dice.pick(['sender', 's\\u0065nder'])
  return `${JSON.stringify(frame).slice(0, -1)},"${key}":${JSON.stringify(claim)}}`
}
