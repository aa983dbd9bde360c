/** Those who claim to be somebody else. */
import { Client } from '../../conformance/client.js'
import { broadcast, changeStatus, disconnect, toOne } from '../../conformance/frames.js'
import type { Attack, Ground } from '../arena.js'
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

const FRAMES: readonly ((sender: string, target: string) => object)[] = [
  (sender) => broadcast(sender, 'No soy yo'),
  (sender, target) => toOne(sender, target, 'No soy yo'),
  (sender) => changeStatus(sender, 'OCUPADO'),
  (sender) => disconnect(sender),
]

/** Frames in the names of others: each gets an error, registered or not, and nobody else hears of it. */
export const forgeSenders: Attack = (ground, amount) =>
  withClients(async (keep) => {
    const { nodes, dice } = ground
    const member = keep(await join(dice.pick(nodes).url, dice))
    const newcomer = keep(await Client.open(dice.pick(nodes).url))
    let tried = 0
    for (; tried < amount; tried += CHUNK) {
      const frames = Array.from({ length: CHUNK }, () => forged(ground))
      await allRefused(
        member,
        frames.map((frame) => input(frame)),
      )
      // What he sends is not understood yet, whoever he says he is; and taking his leave he would be let go.
      const understood = frames.filter((frame) => !('type' in frame && frame.type === 'disconnect'))
      newcomer.sendAll(understood)
      for (const frame of understood) {
        const { type, raw } = await newcomer.next()
        if (type !== 'error') throw new Error(`${JSON.stringify(frame)} was answered ${raw}`)
      }
    }
    return tried
  })

function forged({ dice, bystanders }: Ground): object {
  const name = dice.pick(bystanders)
  const frame = dice.pick(FRAMES)(name, dice.pick(bystanders))
  const claim = dice.pick(DISGUISES)(name)
  // The same key again: the last one counts.
  return { ...frame, sender: claim }
}
