import t from 'tap'
import { endures } from './endure.js'

await endures(t, '100,000 mutations of valid frames of every type', {
  attack: 'frames fuzzed',
  amount: 100_000,
})
