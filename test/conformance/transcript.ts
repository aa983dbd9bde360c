/** What the suite and the server said to each other in one case: the evidence in the report of a failure. */

const MAX_LINES = 40
const MAX_CHARS = 200

/** Collects what passed over the connections of a case. */
export class Transcript {
  #lines: string[] = []

  /** Notes what passed over the connection `who`; bytes are shown as Latin-1. */
  note(who: string, direction: string, what: string | Uint8Array): void {
    const text = typeof what === 'string' ? what : `bytes: ${Buffer.from(what).toString('latin1')}`
    this.#lines.push(`${who} ${direction} ${shorten(printable(text))}`)
  }

  /** The latest lines, oldest first. */
  get lines(): string[] {
    const left = this.#lines.length - MAX_LINES
    return left > 0 ? [`(${left} earlier lines)`, ...this.#lines.slice(left)] : this.#lines
  }
}

function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) => {
    const hex = (char.codePointAt(0) ?? 0).toString(16)
    return `\\u{${hex}}`
  })
}

function shorten(text: string): string {
  return text.length <= MAX_CHARS ? text : `${text.slice(0, MAX_CHARS)}… (${text.length} characters)`
}
