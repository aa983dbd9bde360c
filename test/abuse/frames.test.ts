import t from 'tap'
import { fuzzFrames } from './attacks/fuzz.js'
import { endures } from './endure.js'

await endures(t, '100,000 mutations of valid frames of every type', { attack: fuzzFrames, amount: 100_000 })
