/** The thread of the attackers (attackers.ts): carries out orders. What nobody catches here ends it, and is seen there. */
import { parentPort } from 'node:worker_threads'
import { Dice } from '../support/dice.js'
import type { Letter, Order, Report } from './attackers.js'
import { ATTACKS } from './attacks/index.js'

parentPort?.on('message', async ({ order, answer }: Letter) => {
  answer.postMessage(await carryOut(order))
  answer.close()
})

async function carryOut({ attack, amount, seed, nodes, bystanders }: Order): Promise<Report> {
  const announced = new Set<string>()
  const ground = { nodes, dice: new Dice(seed), announced, bystanders }
  try {
    return { count: await ATTACKS[attack](ground, amount), announced: [...announced] }
  } catch (error) {
    const problem = error instanceof Error ? `${error.stack}` : String(error)
    return { count: 0, announced: [...announced], problem }
  }
}
