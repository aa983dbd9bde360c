import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createLog } from '../src/log.js'

function logged(terminal: boolean): string {
  const file = join(mkdtempSync(join(tmpdir(), 'tertulia-')), 'log')
  const log = createLog('info', terminal, file)
  log.debug('not this')
  log.info({ name: 'Ana' }, 'hola')
  return readFileSync(file, 'utf8')
}

t.test('programs get a line of JSON', async (t) => {
  const line = logged(false)
  t.match(JSON.parse(line), { level: 30, name: 'Ana', msg: 'hola' })
  t.equal(line.indexOf('\n'), line.length - 1)
})

t.test('people at a terminal get text', async (t) => {
  const text = logged(true)
  t.match(text, /INFO.*hola/)
  t.match(text, /Ana/)
  t.throws(() => JSON.parse(text))
})

t.test(
  'an error is logged without the command that failed: what people said would stand in it',
  async (t) => {
    const file = join(mkdtempSync(join(tmpdir(), 'tertulia-')), 'log')
    const err = Object.assign(new Error('OOM'), {
      code: 'X',
      command: { name: 'evalsha', args: ['a secret'] },
    })
    createLog('info', false, file).warn({ err }, 'it failed')
    const line = readFileSync(file, 'utf8')
    t.match(JSON.parse(line), { err: { message: 'OOM', code: 'X' }, msg: 'it failed' })
    t.notMatch(line, 'secret')
  },
)
