/** What came of a run, and what can be read from it. */
import type { ContenderName } from './contenders.js'

/** Numbers by name; `cpu` is µs of CPU time of all processes of the contender for one unit (a delivery, a join, …). */
export type Values = Readonly<Record<string, number>>

export interface Measurement {
  /** `scenario/as` */
  readonly what: string
  readonly contender: ContenderName
  readonly values: Values
  /** What should not be: lost messages, a load generator too busy to be trusted. */
  readonly flaws: readonly string[]
}

export class Results {
  readonly measurements: Measurement[] = []

  add(measurement: Measurement): void {
    this.measurements.push(measurement)
  }

  /** The values of all rounds, from the least. */
  all(what: string, contender: ContenderName, value: string): number[] {
    return this.of(what, contender)
      .map(({ values }) => values[value])
      .filter((one) => one !== undefined)
      .sort((a, b) => a - b)
  }

  /** The median of the rounds, between two the mean of them; undefined where it was not measured. */
  median(what: string, contender: ContenderName, value: string): number | undefined {
    const values = this.all(what, contender, value)
    const low = values[Math.floor((values.length - 1) / 2)]
    const high = values[Math.floor(values.length / 2)]
    return low === undefined || high === undefined ? undefined : (low + high) / 2
  }

  of(what: string, contender: ContenderName): Measurement[] {
    return this.measurements.filter((one) => one.what === what && one.contender === contender)
  }
}
