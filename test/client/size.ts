/** Shows what the client weighs: `npm run client:size`. */
import { clientBundle, MAX_BYTES } from './bundle.js'

const { bytes, gzipped } = await clientBundle()
console.log(`tertulia/client: ${bytes} bytes minified, ${gzipped} gzipped (limit: ${MAX_BYTES})`)
if (gzipped > MAX_BYTES) process.exitCode = 1
