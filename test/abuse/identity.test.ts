import t from 'tap'
import { SECRET } from './attacks/tokens.js'
import { endures } from './endure.js'

await endures(t, '5,000 frames with forged senders', { attack: 'forged senders', amount: 5000 })

await endures(t, '2,000 tokens that are junk', {
  attack: 'junk tokens',
  amount: 2000,
  env: { AUTH_JWT_SECRET: SECRET },
})

await endures(t, '25 times a good token, used by others, by its owner again, and too late', {
  attack: 'tokens replayed',
  amount: 25,
  env: { AUTH_JWT_SECRET: SECRET },
})

await endures(t, '25 times a good token, used on two nodes', {
  attack: 'tokens replayed',
  amount: 25,
  env: { AUTH_JWT_SECRET: SECRET },
  nodes: 2,
})
