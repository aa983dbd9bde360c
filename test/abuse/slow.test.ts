import t from 'tap'
import { endures } from './endure.js'

await endures(t, '10 who do not read', {
  attack: 'slow readers',
  amount: 10,
  env: { OUTBOX_MAX_BYTES: '262144' },
})

await endures(t, '20 who ask 2,000 times each, and do not read', {
  attack: 'questions without reading',
  amount: 20,
})

await endures(t, '40 who write a byte at a time, their handshake too', {
  attack: 'bytes one at a time',
  amount: 40,
})

await endures(t, '60 who write a byte a second', { attack: 'bytes a second apart', amount: 60 })
