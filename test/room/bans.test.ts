import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { keyOf } from '../../src/protocol/names.js'
import { parseRange } from '../../src/room/address.js'
import { Bans } from '../../src/room/bans.js'
import { banOf } from './samples.js'

/** 203.0.113.7 */
const IPV4 = [0xcb00, 0x7107]
const FAR = Number.MAX_SAFE_INTEGER
const ids = (bans: Bans, now = 0) => bans.all(now).map(({ id }) => id)

t.test('an address is a range of one', async (t) => {
  t.strictSame(parseRange('203.0.113.7'), { groups: IPV4, bits: 32 })
  t.strictSame(parseRange('2001:db8::1'), { groups: [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], bits: 128 })
  t.strictSame(parseRange('::'), { groups: [0, 0, 0, 0, 0, 0, 0, 0], bits: 128 })
  t.strictSame(parseRange('64:ff9b::1.2.3.4'), {
    groups: [0x64, 0xff9b, 0, 0, 0, 0, 0x102, 0x304],
    bits: 128,
  })
  t.strictSame(parseRange('::1.2.3.4'), { groups: [0, 0, 0, 0, 0, 0, 0x102, 0x304], bits: 128 })
})

t.test('a range is an address and how many of its bits count', async (t) => {
  for (const bits of [0, 1, 8, 9, 24, 31, 32])
    t.strictSame(parseRange(`203.0.113.7/${bits}`), { groups: IPV4, bits })
  for (const bits of [0, 1, 32, 64, 99, 127, 128])
    t.strictSame(parseRange(`2001:DB8::/${bits}`), { groups: [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], bits })
})

t.test('IPv4 in IPv6 is IPv4, and so are its ranges', async (t) => {
  for (const value of [
    '::ffff:203.0.113.7',
    '::FFFF:203.0.113.7',
    '::ffff:cb00:7107',
    '::ffff:203.0.113.7/128',
  ])
    t.strictSame(parseRange(value), { groups: IPV4, bits: 32 }, value)
  t.strictSame(parseRange('::ffff:203.0.113.7/120'), { groups: IPV4, bits: 24 })
  t.strictSame(parseRange('::ffff:0.0.0.0/96'), { groups: [0, 0], bits: 0 })
  for (const bits of ['95', '32', '24', '0', '129'])
    t.equal(parseRange(`::ffff:203.0.113.7/${bits}`), undefined, `${bits}: it would be everybody, or nobody`)
})

t.test('what is no range is none', async (t) => {
  for (const value of [
    '',
    ' ',
    '/',
    '/8',
    'Ana',
    'localhost',
    '203.0.113',
    '203.0.113.256',
    '203.0.113.07',
    '0xcb.0.113.7',
    '3405803783',
    ' 203.0.113.7',
    '203.0.113.7 ',
    '203.0.113.7\n',
    '203.0.113.7/',
    '203.0.113.7/33',
    '203.0.113.7/-1',
    '203.0.113.7/+8',
    '203.0.113.7/08',
    '203.0.113.7/8.0',
    '203.0.113.7/1e1',
    '203.0.113.7/ 8',
    '203.0.113.7/8/8',
    '203.0.113.7/255.255.255.0',
    '203.0.113.*',
    '203.0.113.1-203.0.113.9',
    '203.0.113.7:80',
    '2001:db8::/129',
    '2001:db8::/1000',
    '2001:db8',
    '2001:db8::1::2',
    '[2001:db8::1]',
    'fe80::1%eth0',
    'fe80::1%eth0/64',
    '::ffff:203.0.113.256',
    '::ffff:',
    '::ffff:/96',
  ])
    t.equal(parseRange(value), undefined, JSON.stringify(value))
})

t.test('any text is a range or none', async () => {
  const part = fc.constantFrom('1', '0', 'ffff', '2001', '.', ':', '::', '/', '8', '128', '%', '::ffff:', 'x')
  const text = fc.oneof(
    fc.string(),
    fc.array(part, { maxLength: 12 }).map((parts) => parts.join('')),
  )
  const property = fc.property(text, (value) => {
    const range = parseRange(value)
    const bans = new Bans([banOf(value, { kind: 'ip' })])
    assert.equal(typeof bans.forbidsAddress('192.0.2.1', 0), 'boolean')
    if (range === undefined) return
    assert.ok(range.bits >= 0 && range.bits <= range.groups.length * 16)
    assert.ok(bans.forbidsAddress(value.split('/')[0] ?? '', 0), 'it has its own address')
  })
  fc.assert(property, { numRuns: 2000 })
})

t.test('a name is forbidden in whatever way it is written', async (t) => {
  const bans = new Bans([banOf('Ñandú')])
  for (const name of ['Ñandú', 'ñandú', 'ÑANDÚ', 'n\u0303andu\u0301'])
    t.ok(bans.forbidsName(keyOf(name), 0), name)
  for (const name of ['Nandu', 'Ñandúes', 'Ñand', '']) t.notOk(bans.forbidsName(keyOf(name), 0), name)
})

t.test('an address is forbidden by itself, or by the range that it is in', async (t) => {
  const bans = new Bans(
    ['203.0.113.7', '198.51.100.9/24', '2001:db8:1::9/48', '2001:DB8::1'].map((one) => banOf(one)),
  )
  const forbidden = [
    '203.0.113.7',
    '::ffff:203.0.113.7',
    '::ffff:cb00:7107',
    '198.51.100.0',
    '198.51.100.255',
    '2001:db8:1::',
    '2001:db8:1:ffff:ffff:ffff:ffff:ffff',
    '2001:0db8:0:0:0:0:0:1',
  ]
  for (const ip of forbidden) t.ok(bans.forbidsAddress(ip, 0), ip)
  const free = [
    '203.0.113.8',
    '198.51.101.0',
    '198.51.99.255',
    '2001:db8:2::',
    '2001:db8::2',
    '::1',
    'Ana',
    '',
    '?',
  ]
  for (const ip of free) t.notOk(bans.forbidsAddress(ip, 0), ip)
})

t.test('an address in IPv6 that was banned is forbidden in IPv4 too', async (t) => {
  const bans = new Bans([banOf('::ffff:203.0.113.0/120')])
  t.ok(bans.forbidsAddress('203.0.113.7', 0))
  t.ok(bans.forbidsAddress('::ffff:203.0.113.7', 0))
  t.notOk(bans.forbidsAddress('203.0.114.7', 0))
})

t.test('a range of no bits is everybody', async (t) => {
  const four = new Bans([banOf('0.0.0.0/0')])
  t.ok(four.forbidsAddress('203.0.113.7', 0))
  t.notOk(four.forbidsAddress('2001:db8::1', 0))
  t.ok(new Bans([banOf('::/0')]).forbidsAddress('2001:db8::1', 0))
})

t.test('a name is not an address, nor an address a name', async (t) => {
  const bans = new Bans([
    banOf('203.0.113.7', { id: 'name', kind: 'name' }),
    banOf('198.51.100.7', { id: 'ip', kind: 'ip' }),
    banOf('Ana', { id: 'nonsense', kind: 'ip' }),
  ])
  t.notOk(bans.forbidsAddress('203.0.113.7', 0))
  t.ok(bans.forbidsName(keyOf('203.0.113.7'), 0))
  t.notOk(bans.forbidsName(keyOf('198.51.100.7'), 0))
  t.notOk(bans.forbidsName(keyOf('Ana'), 0))
})

t.test('without bans nobody is forbidden', async (t) => {
  const bans = new Bans()
  t.notOk(bans.forbidsName(keyOf('Ana'), 0))
  t.notOk(bans.forbidsAddress('203.0.113.7', 0))
  t.strictSame(bans.all(0), [])
  t.equal(bans.count(0), 0)
  t.notOk(bans.has('', 0))
})

t.test('bans stand in the order in which they were made', async (t) => {
  const bans = new Bans([banOf('z'), banOf('a')])
  bans.add(banOf('m'))
  t.strictSame(bans.all(0), [banOf('z'), banOf('a'), banOf('m')])
})

t.test('a ban that is lifted forbids no more, and others do', async (t) => {
  const bans = new Bans([banOf('Ana'), banOf('Beto'), banOf('203.0.113.7')])
  t.ok(bans.forbidsName(keyOf('Ana'), 0))
  bans.lift('ban of Ana')
  t.notOk(bans.forbidsName(keyOf('Ana'), 0))
  t.ok(bans.forbidsName(keyOf('Beto'), 0))
  bans.lift('ban of 203.0.113.7')
  bans.lift('unknown')
  t.notOk(bans.forbidsAddress('203.0.113.7', 0))
  t.strictSame(ids(bans), ['ban of Beto'])
  t.notOk(bans.has('ban of Ana', 0))
  t.ok(bans.has('ban of Beto', 0))
})

t.test('a ban that is added forbids at once', async (t) => {
  const bans = new Bans([banOf('Ana'), banOf('203.0.113.7')])
  t.notOk(bans.forbidsName(keyOf('Beto'), 0))
  t.notOk(bans.forbidsAddress('198.51.100.7', 0))
  bans.add(banOf('Beto'))
  bans.add(banOf('198.51.100.7'))
  t.ok(bans.forbidsName(keyOf('Beto'), 0))
  t.ok(bans.forbidsAddress('198.51.100.7', 0))
})

t.test('where two bans say the same, the name is free when both are lifted', async (t) => {
  const bans = new Bans([banOf('Ana', { id: '1' }), banOf('ANA', { id: '2' })])
  bans.lift('1')
  t.ok(bans.forbidsName(keyOf('Ana'), 0))
  bans.lift('2')
  t.notOk(bans.forbidsName(keyOf('Ana'), 0))
})

t.test('a ban is over at its very end', async (t) => {
  const made = () =>
    new Bans([banOf('Ana', { expiresAt: 1000 }), banOf('203.0.113.7', { expiresAt: 1000 }), banOf('Beto')])
  for (const now of [0, 999]) {
    const bans = made()
    t.ok(bans.forbidsName(keyOf('Ana'), now), `${now}`)
    t.ok(bans.forbidsAddress('203.0.113.7', now), `${now}`)
    t.ok(bans.has('ban of Ana', now))
    t.equal(bans.count(now), 3)
  }
  for (const now of [1000, 1001, FAR]) {
    t.notOk(made().forbidsName(keyOf('Ana'), now), `${now}`)
    t.notOk(made().forbidsAddress('203.0.113.7', now), `${now}`)
    t.notOk(made().has('ban of Ana', now))
    t.equal(made().count(now), 1)
    t.strictSame(ids(made(), now), ['ban of Beto'])
    t.ok(made().forbidsName(keyOf('Beto'), now))
  }
})

t.test('bans end one by one, in whatever order they were made', async (t) => {
  const bans = new Bans([banOf('c', { expiresAt: 30 }), banOf('a', { expiresAt: 10 }), banOf('d')])
  t.equal(bans.count(9), 3)
  bans.add(banOf('b', { expiresAt: 20 }))
  t.strictSame(
    ids(bans, 9),
    ['c', 'a', 'd', 'b'].map((name) => `ban of ${name}`),
  )
  t.strictSame(
    ids(bans, 10),
    ['c', 'd', 'b'].map((name) => `ban of ${name}`),
  )
  bans.lift('ban of b')
  bans.add(banOf('e', { expiresAt: 25 }))
  t.strictSame(
    ids(bans, 20),
    ['c', 'd', 'e'].map((name) => `ban of ${name}`),
  )
  t.strictSame(
    ids(bans, 25),
    ['c', 'd'].map((name) => `ban of ${name}`),
  )
  t.strictSame(ids(bans, FAR), ['ban of d'])
})

t.test('a ban that was over before it was made forbids nobody', async (t) => {
  const bans = new Bans()
  bans.add(banOf('Ana', { expiresAt: 10 }))
  t.notOk(bans.forbidsName(keyOf('Ana'), 11))
  t.equal(bans.count(11), 0)
})

t.test('after whatever was made and lifted they are what a naive list is', async () => {
  const name = fc.constantFrom('Ana', 'Beto', 'Carla')
  const step = fc.record({
    kind: fc.constantFrom('add', 'add', 'lift', 'look'),
    name,
    end: fc.nat(20),
    which: fc.nat(9),
  })
  const property = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const bans = new Bans()
    let naive = bans.all(0)
    for (const [now, { kind, name, end, which }] of steps.entries()) {
      if (kind === 'add') {
        const ban = banOf(name, { id: `${now}`, ...(end > 0 && { expiresAt: end * 2 }) })
        bans.add(ban)
        naive = [...naive, ban]
      } else if (kind === 'lift') {
        const id = naive[which]?.id ?? 'unknown'
        bans.lift(id)
        naive = naive.filter((ban) => ban.id !== id)
      } else {
        naive = naive.filter(({ expiresAt = FAR }) => expiresAt > now)
        assert.deepEqual(bans.all(now), naive)
        for (const name of ['Ana', 'Beto', 'Carla'])
          assert.equal(
            bans.forbidsName(keyOf(name), now),
            naive.some(({ value }) => value === name),
          )
      }
    }
  })
  fc.assert(property, { numRuns: 500 })
})
