import fc from 'fast-check'
import t from 'tap'
import { Compile } from 'typebox/compile'
import {
  clientFrames,
  EXTENDED_TYPES,
  parseStatus,
  SERVER_FRAMES,
  STATUS_CHOICE,
  STATUSES,
} from '../../src/protocol/frames.js'

const TIME = '2025-01-02T03:04:05.678Z'

t.test('1.4 a status is read in any case', async (t) => {
  t.same(STATUSES, ['ACTIVO', 'OCUPADO', 'INACTIVO'])
  const mixed = fc.constantFrom(...STATUSES).chain((status) => {
    const letters = [...status].map((letter) => fc.constantFrom(letter, letter.toLowerCase()))
    return fc.tuple(fc.constant(status), fc.tuple(...letters))
  })
  fc.assert(fc.property(mixed, ([status, letters]) => parseStatus(letters.join('')) === status))
})

t.test('1.4 nothing else is a status', async (t) => {
  // The upper case of the dotless i is the I of INACTIVO.
  for (const text of [
    '',
    'ACTIV',
    'ACTIVOS',
    ' ACTIVO',
    'ACTIVO\n',
    'ınactivo',
    'AUSENTE',
    'toString',
    'ＡＣＴＩＶＯ',
  ])
    t.equal(parseStatus(text), undefined, JSON.stringify(text))
})

t.test('the states are listed as a sentence lists them', async (t) => {
  t.equal(STATUS_CHOICE, 'ACTIVO, OCUPADO o INACTIVO')
})

t.test('1.4 there is a schema for every client frame, and it names its type', async (t) => {
  const schemas = clientFrames(10)
  const types = ['register', 'broadcast', 'private', 'list_users', 'user_info', 'change_status', 'disconnect']
  t.same(Object.keys(schemas), [...types, 'history'])
  t.same([...EXTENDED_TYPES], ['history'])
  for (const [type, schema] of Object.entries(schemas)) t.equal(schema.properties.type.const, type)
})

t.test('1.4 the fields of a server frame stand in this order', async (t) => {
  const order = ['type', 'sender', 'target', 'content', 'userList', 'timestamp']
  for (const [type, { properties }] of Object.entries(SERVER_FRAMES)) {
    const fields = Object.keys(properties)
    t.same(
      fields,
      order.filter((field) => fields.includes(field)),
      type,
    )
    for (const field of ['type', 'sender', 'content', 'timestamp']) t.ok(fields.includes(field))
    t.equal(properties.type.const, type)
  }
})

t.test('1.4 a server frame has its fields, all of them and no others', async (t) => {
  const samples = {
    register_success: { content: 'Registro exitoso', userList: ['Ana'] },
    broadcast: { sender: 'Ana', content: 'hola' },
    private: { sender: 'Ana', target: 'Beto', content: 'hola' },
    list_users_response: { content: ['Ana'] },
    user_info_response: { target: 'Ana', content: { ip: '192.0.2.1', status: 'ACTIVO' } },
    status_update: { content: { user: 'Ana', status: 'OCUPADO' } },
    user_disconnected: { content: 'Ana ha salido' },
    error: { content: 'Usuario no encontrado' },
  }
  for (const [type, schema] of Object.entries(SERVER_FRAMES)) {
    const validator = Compile(schema)
    const entry = Object.entries(samples).find(([of]) => of === type)
    const frame = { type, sender: 'server', timestamp: TIME, ...entry?.[1] }
    t.ok(validator.Check(frame), type)
    t.notOk(validator.Check({ ...frame, position: '1-1' }), `${type} with one more`)
    for (const field of Object.keys(frame))
      t.notOk(validator.Check({ ...frame, [field]: undefined }), `${type} without ${field}`)
  }
})

t.test('1.4 a server frame is sent by the server, and its timestamp is ISO 8601', async (t) => {
  const validator = Compile(SERVER_FRAMES.error)
  const frame = { type: 'error', sender: 'server', content: 'x', timestamp: TIME }
  t.notOk(validator.Check({ ...frame, sender: 'Ana' }))
  t.notOk(validator.Check({ ...frame, type: 'broadcast' }))
  for (const timestamp of [0, '', 'yesterday', '2025-01-02 03:04', '2025-13-02T03:04:05.678Z'])
    t.notOk(validator.Check({ ...frame, timestamp }), String(timestamp))
})
