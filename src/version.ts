import { readFileSync } from 'node:fs'
import Type from 'typebox'
import { Parse } from 'typebox/value'

const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

/** The version of Tertulia, as its package says. */
export const VERSION = Parse(Type.Object({ version: Type.String() }), manifest).version
