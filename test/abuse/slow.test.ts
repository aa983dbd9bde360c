import t from 'tap'
import { deafAskers, slowReaders, slowWriters } from './attacks/slow.js'
import { endures } from './endure.js'

await endures(t, '10 who do not read', {
  attack: slowReaders,
  amount: 10,
  env: { OUTBOX_MAX_BYTES: '262144' },
})

await endures(t, '20 who ask 2,000 times each, and do not read', { attack: deafAskers, amount: 20 })

await endures(t, '40 who write a byte at a time, their handshake too', { attack: slowWriters, amount: 40 })
