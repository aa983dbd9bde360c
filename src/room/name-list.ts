const FIRST_BYTES = 4096

/** Names as the elements of a JSON array, in bytes. Adding one copies nothing, and what was given out stays as it was. */
export class NameList {
  #buffer = Buffer.allocUnsafe(0)
  #length = 0

  constructor(names: Iterable<string>) {
    this.#write(Array.from(names, (name) => JSON.stringify(name)).join(','))
  }

  /** The names with commas between, UTF-8. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  append(name: string): void {
    this.#write((this.#length === 0 ? '' : ',') + JSON.stringify(name))
  }

  #write(text: string): void {
    const needed = this.#length + Buffer.byteLength(text)
    if (needed > this.#buffer.length) {
      // Another buffer: those who have a part of the old one keep it.
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2, FIRST_BYTES))
      grown.set(this.bytes)
      this.#buffer = grown
    }
    this.#buffer.write(text, this.#length)
    this.#length = needed
  }
}
