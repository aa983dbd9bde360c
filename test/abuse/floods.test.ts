import t from 'tap'
import { flood } from './attacks/floods.js'
import { endures } from './endure.js'

await endures(t, 'floods of every frame: 22,000', { attack: flood, amount: 22_000 })

await endures(t, 'floods of every frame, of those who are slowed: 11,000', {
  attack: flood,
  amount: 11_000,
  env: { RATE_PER_SECOND: '2000', RATE_BURST: '100' },
})
