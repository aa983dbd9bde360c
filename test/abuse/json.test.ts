import t from 'tap'
import { bigJson } from './attacks/json.js'
import { endures } from './endure.js'

await endures(t, '400 frames and 36 bodies that are deep or huge', { attack: bigJson, amount: 400 })
