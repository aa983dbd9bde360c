import t from 'tap'
import { greeting, listenProblem, tokenHint } from '../src/greeting.js'

t.test('on this machine alone, it says where, how to try it, and how to let the network in', async (t) => {
  t.same(greeting('127.0.0.1', 3000), [
    'Tertulia is listening: ws://127.0.0.1:3000/chat (API: http://127.0.0.1:3000/docs). Try: npx wscat -c ws://127.0.0.1:3000/chat',
    'Only this machine can connect. To let the local network in: HOST=0.0.0.0 npm start',
  ])
})

t.test('open to the network, it says what others connect to', async (t) => {
  const [first, second] = greeting('0.0.0.0', 80, { localAddresses: ['192.0.2.7', '198.51.100.7'] })
  t.match(first, 'ws://127.0.0.1:80/chat')
  t.equal(second, 'The network is let in: ws://192.0.2.7:80/chat ws://198.51.100.7:80/chat')
  t.match(greeting('::', 80, { localAddresses: [] })[1], 'no address there yet')
  t.equal(greeting('::', 80).length, 2, "with this machine's own addresses")
})

t.test(
  'in a container, it does not say that the network is let in: that is for who published its port',
  async (t) => {
    t.same(greeting('0.0.0.0', 80, { contained: true }).slice(1), [
      'In a container: clients reach it where its port is published',
    ])
  },
)

t.test('on one address, it names it', async (t) => {
  t.equal(greeting('192.0.2.7', 80).length, 1)
  t.match(greeting('2001:db8::7', 80)[0], 'ws://[2001:db8::7]:80/chat')
  t.equal(greeting('::1', 80).length, 2)
})

t.test('with a certificate, everything it says is secure', async (t) => {
  const [first, second] = greeting('0.0.0.0', 443, { secure: true, localAddresses: ['192.0.2.7'] })
  t.equal(
    first,
    'Tertulia is listening: wss://127.0.0.1:443/chat (API: https://127.0.0.1:443/docs). Try: npx wscat -c wss://127.0.0.1:443/chat',
  )
  t.match(second, 'wss://192.0.2.7:443/chat')
  t.match(tokenHint('127.0.0.1', 443, 'abc', true), /https:.*:443.users$/)
})

t.test('an operator is given a line that works as it is', async (t) => {
  const line = "Operators: curl -H 'Authorization: Bearer abc' http://127.0.0.1:3000/users"
  t.equal(tokenHint('127.0.0.1', 3000, 'abc'), line)
  t.equal(tokenHint('0.0.0.0', 3000, 'abc'), line)
})

t.test('what keeps it from listening is said in a sentence, with what to do', async (t) => {
  const problem = (code: string) => listenProblem('::1', 80, Object.assign(new Error('why'), { code }))
  t.equal(problem('EADDRINUSE'), 'Port 80 is taken. Another one: PORT=81 npm start')
  t.match(listenProblem('::1', 65_535, Object.assign(new Error(), { code: 'EADDRINUSE' })), 'PORT=65534')
  t.match(problem('EACCES'), /^Port 80 is not for this user/)
  for (const code of ['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN'])
    t.match(problem(code), /^HOST is ::1, which is no/)
  t.equal(problem('EOTHER'), 'Cannot listen on [::1]:80: why')
  t.equal(listenProblem('::1', 80, 'why'), 'Cannot listen on [::1]:80: why')
})
