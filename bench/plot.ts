/** A plot as SVG: CPU per delivery over something, on logarithmic axes. */

export interface Line {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface Plot {
  readonly title: string
  readonly x: string
  readonly y: string
  readonly lines: readonly Line[]
}

const WIDTH = 560
const HEIGHT = 400
const LEFT = 64
const RIGHT = 132
const TOP = 40
const BOTTOM = 52
/** Told apart by people who see colours differently, and readable on white. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#8a5a9e', '#6b6b6b']
const MARKS = [1, 2, 5]

const escaped = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;')

/** Maps values to places between two ends. */
function scale(values: readonly number[], from: number, to: number): (value: number) => number {
  const low = Math.log(Math.min(...values))
  const high = Math.log(Math.max(...values))
  return (value) => from + ((Math.log(value) - low) / (high - low || 1)) * (to - from)
}

/** 1, 2, 5, 10, … as far as they lie within the values. */
function marks(values: readonly number[]): number[] {
  const low = Math.min(...values)
  const high = Math.max(...values)
  const found: number[] = []
  for (let decade = 10 ** Math.floor(Math.log10(low)); decade <= high; decade *= 10) {
    found.push(
      ...MARKS.map((mark) => mark * decade).filter((mark) => mark >= low * 0.999 && mark <= high * 1.001),
    )
  }
  return found
}

const short = (value: number) =>
  value >= 1 ? value.toLocaleString('en-US') : String(Number(value.toPrecision(2)))

function drawOne(plot: Plot): string {
  const lines = plot.lines.filter(({ points }) => points.length > 0)
  const xs = lines.flatMap(({ points }) => points.map(([x]) => x))
  const ys = lines.flatMap(({ points }) => points.map(([, y]) => y))
  if (xs.length === 0) return ''
  const toX = scale(xs, LEFT, WIDTH - RIGHT)
  const toY = scale(ys, HEIGHT - BOTTOM, TOP)
  const parts = [`<text x="${LEFT}" y="20" font-weight="600">${escaped(plot.title)}</text>`]
  for (const mark of marks(xs)) {
    const x = toX(mark).toFixed(1)
    parts.push(`<path d="M${x} ${TOP}V${HEIGHT - BOTTOM}" stroke="#ddd"/>`)
    parts.push(`<text x="${x}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${short(mark)}</text>`)
  }
  for (const mark of marks(ys)) {
    const y = toY(mark).toFixed(1)
    parts.push(`<path d="M${LEFT} ${y}H${WIDTH - RIGHT}" stroke="#ddd"/>`)
    parts.push(`<text x="${LEFT - 8}" y="${y}" dy="4" text-anchor="end">${short(mark)}</text>`)
  }
  parts.push(
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 12}" text-anchor="middle">${escaped(plot.x)}</text>`,
    `<text transform="translate(16 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${escaped(plot.y)}</text>`,
  )
  let lastLabel = Number.POSITIVE_INFINITY
  const fromBelow = [...lines.entries()].sort(
    ([, a], [, b]) => (a.points.at(-1)?.[1] ?? 0) - (b.points.at(-1)?.[1] ?? 0),
  )
  for (const [index, { name, points }] of fromBelow) {
    const colour = COLOURS[index % COLOURS.length]
    const places = points.map(([x, y]) => `${toX(x).toFixed(1)} ${toY(y).toFixed(1)}`)
    parts.push(`<path d="M${places.join('L')}" fill="none" stroke="${colour}" stroke-width="2"/>`)
    parts.push(
      ...places.map((place) => `<circle cx="${place.replace(' ', '" cy="')}" r="3" fill="${colour}"/>`),
    )
    const [x, y] = points.at(-1) ?? [1, 1]
    // Names that would cover each other move up.
    lastLabel = Math.min(toY(y) + 4, lastLabel - 15)
    parts.push(
      `<text x="${(toX(x) + 8).toFixed(1)}" y="${lastLabel.toFixed(1)}" fill="${colour}">${escaped(name)}</text>`,
    )
  }
  return parts.join('\n')
}

/** Draws plots side by side. */
export function draw(plots: readonly Plot[]): string {
  const width = WIDTH * plots.length
  const drawn = plots.map(
    (plot, index) => `<g transform="translate(${index * WIDTH} 0)">\n${drawOne(plot)}\n</g>`,
  )
  const title = plots.map((plot) => `${plot.title}: ${plot.y} over ${plot.x}`).join('; ')
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${HEIGHT}" font-family="sans-serif" font-size="12" fill="#222">
<title>${escaped(title)}</title>
<rect width="${width}" height="${HEIGHT}" fill="#fff"/>
${drawn.join('\n')}
</svg>
`
}
