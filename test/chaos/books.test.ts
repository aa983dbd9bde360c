import t from 'tap'
import { contradictions, type Fate, type Saying, type Sights } from './books.js'

const said = (from: string, text: string, fate: Fate = 'acknowledged', to?: string): Saying => ({
  from,
  to,
  text,
  fate,
})
const saw = (name: string, messages: string[], privates: string[] = [], losses: string[] = []): Sights => ({
  name,
  messages,
  privates,
  losses,
})

const SAYINGS = [
  said('Ana', 'a1'),
  said('Ana', 'a2'),
  said('Beto', 'b1', 'undecided'),
  said('Beto', 'b2', 'refused'),
  said('Ana', 'p1', 'acknowledged', 'Beto'),
  said('Ana', 'p2', 'undecided', 'Beto'),
]

t.test('what fits together has no contradictions', async (t) => {
  t.same(
    contradictions(SAYINGS, [saw('Ana', ['a1', 'b1', 'a2']), saw('Beto', ['a1', 'b1', 'a2'], ['p1', 'p2'])]),
    [],
  )
  t.same(contradictions(SAYINGS, [saw('Ana', ['a1', 'a2']), saw('Beto', ['a1', 'a2'], ['p1'])]), [])
})

t.test('what does not is found', async (t) => {
  const found = (ana: Sights, beto: Sights) => contradictions(SAYINGS, [ana, beto])
  const all = ['a1', 'a2']
  const beto = saw('Beto', all, ['p1'])
  const cases: readonly [string, string[], RegExp][] = [
    ['a loss', found(saw('Ana', all, [], ['session']), beto), /told of a loss: session/],
    ['one that all missed', found(saw('Ana', ['a1']), saw('Beto', ['a1'], ['p1'])), /did not see "a2"/],
    ['one that one missed', found(saw('Ana', all), saw('Beto', ['a1'], ['p1'])), /"undefined" as number 1/],
    [
      'one twice',
      found(saw('Ana', ['a1', 'a2', 'a2']), saw('Beto', ['a1', 'a2', 'a2'], ['p1'])),
      /"a2" 2 times/,
    ],
    [
      'a refused one',
      found(saw('Ana', [...all, 'b2']), saw('Beto', [...all, 'b2'], ['p1'])),
      /"b2", which was refused/,
    ],
    [
      'a strange one',
      found(saw('Ana', [...all, 'x']), saw('Beto', [...all, 'x'], ['p1'])),
      /"x", which nobody said/,
    ],
    ['another order', found(saw('Ana', ['a2', 'a1']), saw('Beto', ['a2', 'a1'], ['p1'])), /"a1" behind/],
    [
      'different orders',
      found(saw('Ana', ['b1', ...all]), saw('Beto', ['a1', 'b1', 'a2'], ['p1'])),
      /as number 0/,
    ],
    ['a missing private one', found(saw('Ana', all), saw('Beto', all)), /Beto did not see "p1"/],
    [
      'a private one to somebody else',
      found(saw('Ana', all, ['p1']), beto),
      /Ana saw "p1", which nobody said/,
    ],
    ['private ones in another order', found(saw('Ana', all), saw('Beto', all, ['p2', 'p1'])), /"p1" behind/],
  ]
  for (const [title, problems, expected] of cases) t.match(problems.join('\n'), expected, title)
  t.match(contradictions([], []).join(), /nobody/)
})
