import t from 'tap'
import { endures } from './endure.js'

await endures(t, '1,000 times what every object inherits, as a name, key, type, query or field', {
  attack: 'prototypes polluted',
  amount: 1000,
})
