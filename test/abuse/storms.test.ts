import t from 'tap'
import { endures } from './endure.js'

await endures(t, '1,200 connections at once, all of which register', {
  attack: 'connections at once',
  amount: 1200,
  everyMs: 300,
  // Were those of the warming-up still counted, it would not be enough.
  env: { MAX_CONNECTIONS: '1300' },
})

await endures(t, '10,000 connections that are gone before they are served', {
  attack: 'connections that vanish',
  amount: 10_000,
  // More than there are at once; were a place kept by each that has gone, there would soon be none.
  env: { MAX_CONNECTIONS: '250' },
})

await endures(t, '1,500 registrations, 50 for the same name at once', {
  attack: 'registrations for one name',
  amount: 1500,
})

await endures(t, '1,000 registrations over two nodes, 50 for the same name at once', {
  attack: 'registrations for one name',
  amount: 1000,
  nodes: 2,
})

await endures(t, '150 registrations with passwords at once', {
  attack: 'registrations with passwords',
  amount: 150,
  env: { ACCOUNT_CLAIMS_PER_DAY: '5' },
})
