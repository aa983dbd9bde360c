/** SHOW_ADDRESSES: whether users are told each other's addresses. */
import t, { type Test } from 'tap'
import { Client } from '../conformance/client.js'
import { ask } from '../support/app.js'
import { type OpenPair, onEveryBackplane } from '../support/pairs.js'

const PROXY = { TRUST_PROXY: '127.0.0.1' }
const from = (ip: string) => ({ headers: { 'x-forwarded-for': ip } })

async function addressOf(asker: Client, target: string): Promise<unknown> {
  asker.send({ type: 'user_info', sender: asker.name, target })
  return (await asker.next('user_info_response')).content
}

async function addresses(t: Test, open: OpenPair): Promise<void> {
  await t.test('off: nobody is told any, not even his own, on any node; operators are', async (t) => {
    const { one, two } = await open(t, { SHOW_ADDRESSES: 'off', ...PROXY })
    const ana = await Client.join(one.url, 'Ana', from('192.0.2.1'))
    const eva = await Client.join(two.url, 'Eva', from('2001:db8::1'))
    for (const client of [ana, eva])
      for (const target of ['Ana', 'Eva'])
        t.same(await addressOf(client, target), { ip: '0.0.0.0', status: 'ACTIVO' })
    for (const node of [one, two]) {
      t.equal((await ask(node, '/users/Ana')).json().ip, '192.0.2.1')
      t.equal((await ask(node, '/users/Eva')).json().ip, '2001:db8::1')
    }
  })

  await t.test('on, as it is without it: everybody is told all addresses', async (t) => {
    for (const env of [{}, { SHOW_ADDRESSES: 'on' }]) {
      const { one, two } = await open(t, { ...env, ...PROXY })
      const ana = await Client.join(one.url, 'Ana', from('192.0.2.1'))
      const eva = await Client.join(two.url, 'Eva', from('2001:db8::1'))
      t.same(await addressOf(ana, 'Eva'), { ip: '2001:db8::1', status: 'ACTIVO' })
      t.same(await addressOf(eva, 'Ana'), { ip: '192.0.2.1', status: 'ACTIVO' })
    }
  })
}

await onEveryBackplane(t, addresses)
