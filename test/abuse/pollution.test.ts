import t from 'tap'
import { pollute } from './attacks/pollution.js'
import { endures } from './endure.js'

await endures(t, '1,000 times what every object inherits, as a name, key, type, query or field', {
  attack: pollute,
  amount: 1000,
})
