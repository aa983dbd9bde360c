import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import Type from 'typebox'
import { Parse } from 'typebox/value'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** What the client may weigh, minified and gzipped, in bytes. */
export const MAX_BYTES = 5000

/** The options of esbuild as `npm run client:build` gives them. */
const { scripts } = Parse(
  Type.Object({ scripts: Type.Object({ 'client:build': Type.String() }) }),
  JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8')),
)
const target = /--target=(\S+)/.exec(scripts['client:build'])?.[1] ?? ''

export interface Bundle {
  readonly text: string
  /** The files that are in it, by their paths in the repository. */
  readonly inputs: readonly string[]
  /** Minified, and minified and gzipped. */
  readonly bytes: number
  readonly gzipped: number
}

/** Bundles a source file for browsers, minified. */
export async function bundle(path: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [path],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target,
    write: false,
    metafile: true,
    logLevel: 'silent',
  })
  const [file] = outputFiles
  if (file === undefined) throw new Error('esbuild gave nothing')
  const { contents, text } = file
  return {
    text,
    inputs: Object.keys(metafile.inputs),
    bytes: contents.length,
    gzipped: gzipSync(contents, { level: 9 }).length,
  }
}

/** What `npm run client:size` shows. */
export async function clientBundle(): Promise<Bundle> {
  return bundle('src/client/index.ts')
}
