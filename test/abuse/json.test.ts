import t from 'tap'
import { endures } from './endure.js'

await endures(t, '400 frames and 36 bodies that are deep or huge', {
  attack: 'deep or huge JSON',
  amount: 400,
})
