import t from 'tap'
import { AddressRate, ConnectionCounter } from '../../src/chat/limits.js'

t.test('connections are counted in all, and by address', async (t) => {
  const counter = new ConnectionCounter({ max: 3, maxPerAddress: 2 })
  const first = counter.enter('192.0.2.1')
  const second = counter.enter('192.0.2.1')
  t.equal(counter.enter('192.0.2.1'), 'too-many')
  t.type(counter.enter('192.0.2.2'), 'function')
  t.equal(counter.enter('192.0.2.3'), 'full')
  if (typeof first !== 'function' || typeof second !== 'function') throw new Error('they have no place')
  first()
  first()
  t.type(counter.enter('192.0.2.1'), 'function', 'a place is given back once')
  t.equal(counter.enter('192.0.2.1'), 'full')
})

t.test('of IPv6 a network counts as one address', async (t) => {
  const counter = new ConnectionCounter({ max: 0, maxPerAddress: 1 })
  t.type(counter.enter('2001:db8:1:2::1'), 'function')
  t.equal(counter.enter('2001:db8:1:2:ffff::2'), 'too-many')
  t.type(counter.enter('2001:db8:1:3::1'), 'function')
})

t.test('0 is no limit', async (t) => {
  const counter = new ConnectionCounter({ max: 0, maxPerAddress: 0 })
  for (let count = 0; count < 1000; count += 1) t.type(counter.enter('192.0.2.1'), 'function')
  const rate = new AddressRate(0)
  for (let count = 0; count < 1000; count += 1) t.equal(rate.ask('192.0.2.1', 0), 0)
})

t.test('an address may do something so often in a minute, and others are not kept from it', async (t) => {
  const rate = new AddressRate(60)
  for (let count = 0; count < 60; count += 1) t.equal(rate.ask('192.0.2.1', 0), 0)
  t.equal(rate.ask('192.0.2.1', 0), 1000)
  t.equal(rate.ask('192.0.2.1', 0), 1000, 'asking costs nothing')
  t.equal(rate.ask('192.0.2.2', 0), 0)
  t.equal(rate.ask('192.0.2.1', 1000), 0)
  t.equal(rate.ask('192.0.2.1', 1000), 1000)
})

t.test('addresses that have been quiet are forgotten, and busy ones are not', async (t) => {
  const rate = new AddressRate(1)
  t.equal(rate.ask('192.0.2.1', 0), 0)
  for (let count = 0; count < 5000; count += 1) rate.ask(`198.51.${count >> 8}.${count & 255}`, 0)
  t.ok(rate.ask('192.0.2.1', 1) > 0)
  for (let count = 0; count < 5000; count += 1) rate.ask(`203.0.${count >> 8}.${count & 255}`, 200_000)
  t.ok(rate.size <= 6000, `${rate.size} are remembered`)
})

t.test('of IPv6 a network is one address for rates, too', async (t) => {
  const rate = new AddressRate(1)
  t.equal(rate.ask('2001:db8:1:2::1', 0), 0)
  t.ok(rate.ask('2001:db8:1:2:ffff::2', 0) > 0)
  t.equal(rate.ask('2001:db8:1:3::1', 0), 0)
  t.equal(rate.size, 2)
})
