import fc from 'fast-check'
import t from 'tap'
import { addressGroup } from '../../src/room/address.js'

/** The eight groups of an IPv6 address, written out. */
function full(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(':')
}

t.test('an IPv4 address is by itself', async (t) => {
  for (const ip of ['192.0.2.1', '127.0.0.1', '255.255.255.255', '0.0.0.0']) t.equal(addressGroup(ip), ip)
})

t.test('an IPv6 address is in its /64, however it is written', async (t) => {
  const groups: Record<string, string[]> = {
    '0:0:0:0::/64': ['::', '::1', '0:0:0:0:0:0:0:1', '0::1', '::0.0.0.1', '::1.2.3.4', '::ffff', '::1:2:3:4'],
    '2001:db8:0:0::/64': [
      '2001:db8::',
      '2001:db8::1',
      '2001:DB8::1',
      '2001:0db8:0000:0000:0000:0000:0000:0001',
      '2001:0DB8:0:0:FFFF:ffff:FFFF:ffff',
      '2001:db8:0:0::1',
      '2001:db8::0:1:2:3:4',
      '2001:db8:0:0:1:2:3:4',
      '2001:db8::192.0.2.1',
    ],
    '2001:db8:0:1::/64': ['2001:db8:0:1::', '2001:db8:0:1::1', '2001:db8:0:1:1::', '2001:db8:0:1:a:b:c:d'],
    '1:2:3:4::/64': ['1:2:3:4::', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7::', '1:2:3:4::8', '1:2:3:4:5::8'],
    '1:0:0:0::/64': ['1::', '1::8', '1::5:6:7:8', '1:0:0:0:5:6:7:8'],
    '1:2:0:0::/64': ['1:2::', '1:2::5:6:7:8'],
    '0:0:0:4::/64': ['::4:5:6:7:8', '0:0:0:4::'],
    '64:ff9b:0:0::/64': ['64:ff9b::1.2.3.4', '64:ff9b::102:304', '64:FF9B:0:0:0:0:1.2.3.4'],
    'fe80:0:0:0::/64': ['fe80::1', 'fe80::1%eth0', 'fe80::1%1', 'fe80::ffff:2%en0'],
  }
  for (const [group, addresses] of Object.entries(groups))
    for (const ip of addresses) t.equal(addressGroup(ip), group, ip)
})

t.test('IPv4 in IPv6 is that IPv4 address', async (t) => {
  for (const ip of ['::ffff:192.0.2.1', '::FFFF:192.0.2.1', '::ffff:c000:201', '0:0:0:0:0:ffff:c000:0201'])
    t.equal(addressGroup(ip), '192.0.2.1', ip)
  t.not(addressGroup('::ffff:192.0.2.2'), addressGroup('::ffff:192.0.2.1'))
})

t.test('two IPv6 addresses are of one group where their first four parts are the same', async () => {
  const part = fc.oneof(fc.constantFrom(0, 0, 1, 0xffff), fc.integer({ min: 0, max: 0xffff }))
  const parts = fc.tuple(part, part, part, part)
  const network = parts.filter((some) => some.some((one) => one !== 0))
  fc.assert(
    fc.property(network, parts, parts, (net, one, other) => {
      return addressGroup(full([...net, ...one])) === addressGroup(full([...net, ...other]))
    }),
  )
  fc.assert(
    fc.property(network, network, parts, (net, other, host) => {
      const same = net.join() === other.join()
      return same === (addressGroup(full([...net, ...host])) === addressGroup(full([...other, ...host])))
    }),
  )
})

t.test('what is no address is by itself', async (t) => {
  for (const ip of ['', ':', ':::', '%', 'localhost', '1.2.3', '1.2.3.4.5', '::g', '[::1]', '1:2:3', '🦊'])
    t.equal(addressGroup(ip), ip)
  fc.assert(fc.property(fc.string(), (ip) => typeof addressGroup(ip) === 'string'))
})
