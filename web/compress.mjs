// Writes `.br` and `.gz` beside each file that becomes smaller by it, once and as well as it can be done, so that the server never compresses.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const WORTH_IT = /\.(js|css|svg|json|txt)$/

export function compress(folder) {
  for (const name of readdirSync(folder, { recursive: true })) {
    if (!WORTH_IT.test(name)) continue
    const path = join(folder, name)
    const plain = readFileSync(path)
    const packed = {
      br: brotliCompressSync(plain, {
        params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length },
      }),
      gz: gzipSync(plain, { level: 9 }),
    }
    for (const [kind, bytes] of Object.entries(packed)) {
      if (bytes.length < plain.length) writeFileSync(`${path}.${kind}`, bytes)
    }
  }
}
