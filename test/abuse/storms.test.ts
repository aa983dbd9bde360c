import t from 'tap'
import { connectStorm, fleetingConnections, passwordStorm, registerStorm } from './attacks/storms.js'
import { endures } from './endure.js'

await endures(t, '1,200 connections at once, all of which register', {
  attack: connectStorm,
  amount: 1200,
  everyMs: 300,
})

await endures(t, '2,000 connections that are gone before they are served', {
  attack: fleetingConnections,
  amount: 2000,
  // More than there are at once; were a place kept by each that has gone, there would soon be none.
  env: { MAX_CONNECTIONS: '250' },
})

await endures(t, '1,500 registrations, 50 for the same name at once', { attack: registerStorm, amount: 1500 })

await endures(t, '1,000 registrations over two nodes, 50 for the same name at once', {
  attack: registerStorm,
  amount: 1000,
  nodes: 2,
})

await endures(t, '150 registrations with passwords at once', {
  attack: passwordStorm,
  amount: 150,
  env: { ACCOUNT_CLAIMS_PER_DAY: '5' },
})
