const FIRST_BYTES = 4096

/** The elements of a JSON array, in bytes. Adding one copies nothing, and what was given out stays as it was. */
export class JsonList {
  #buffer = Buffer.allocUnsafe(0)
  #length = 0

  constructor(elements: Iterable<string | object>) {
    this.#write(Array.from(elements, (element) => JSON.stringify(element)).join(','))
  }

  /** The elements with commas between, UTF-8. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  append(element: string | object): void {
    this.#write((this.#length === 0 ? '' : ',') + JSON.stringify(element))
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
