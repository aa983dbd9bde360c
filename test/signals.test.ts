import t from 'tap'
import { onSignals } from '../src/signals.js'

function signals(underNpm: boolean) {
  const seen: string[] = []
  const on = onSignals({ leave: () => seen.push('leave'), end: () => seen.push('end') }, underNpm)
  return { on, seen }
}

t.test('the first signal is to leave, the second to end at once', async (t) => {
  const { on, seen } = signals(false)
  on(1000)
  t.same(seen, ['leave'])
  on(1001)
  t.same(seen, ['leave', 'end'])
})

t.test('under npm, what follows within 300 ms is the same Ctrl-C', async (t) => {
  const { on, seen } = signals(true)
  on(1000)
  on(1300)
  t.same(seen, ['leave'])
  on(1301)
  t.same(seen, ['leave', 'end'])
})
