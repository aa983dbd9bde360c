import t from 'tap'
import { forgeSenders } from './attacks/forgery.js'
import { junkTokens, SECRET } from './attacks/tokens.js'
import { endures } from './endure.js'

await endures(t, '5,000 frames with forged senders', { attack: forgeSenders, amount: 5000 })

await endures(t, '2,000 tokens that are junk, and good ones replayed', {
  attack: junkTokens,
  amount: 2000,
  env: { AUTH_JWT_SECRET: SECRET },
})
