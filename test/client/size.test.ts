import t from 'tap'
import { clientBundle, MAX_BYTES } from './bundle.js'

const { gzipped, inputs, text } = await clientBundle()

t.test('the client weighs less than 5 KB, minified and gzipped', (t) => {
  t.ok(gzipped <= MAX_BYTES, `${gzipped} bytes`)
  t.equal(MAX_BYTES, 5000)
  t.end()
})

t.test('it is nothing but its own sources: schemas and packages stay outside', (t) => {
  t.ok(inputs.length > 5)
  for (const input of inputs) t.match(input, /^src\/client\/[a-z-]+\.ts$/)
  t.notMatch(text, /\bimport\b/)
  t.end()
})
