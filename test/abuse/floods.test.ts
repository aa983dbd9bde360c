import t from 'tap'
import { endures } from './endure.js'

await endures(t, 'floods of every frame: 22,000', { attack: 'frames flooded', amount: 22_000 })

await endures(t, 'floods of every frame, of those who are slowed: 11,000', {
  attack: 'frames flooded',
  amount: 11_000,
  env: { RATE_PER_SECOND: '1000', RATE_BURST: '100' },
  // What is refused costs five times as much: of 847 frames each that is 4 s.
  leastMs: 3500,
})
