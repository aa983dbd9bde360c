/** Places in the room's log, and how they stand on the wire (protocol part 2). */

/** A place in the room's log. Offsets count from 1 and have no gaps; a new epoch begins when a log was lost. */
export interface Position {
  readonly epoch: string
  readonly offset: number
}

const WRITTEN = /^([0-9a-z]{1,64})-(0|[1-9]\d{0,14})$/

/** A position as clients see it: `<epoch>-<offset>`. To them it is only a mark. */
export function writePosition({ epoch, offset }: Position): string {
  return `${epoch}-${offset}`
}

/** Reads what {@link writePosition} wrote; undefined when it is no position. */
export function readPosition(text: string): Position | undefined {
  const [, epoch, offset] = WRITTEN.exec(text) ?? []
  return epoch === undefined ? undefined : { epoch, offset: Number(offset) }
}
