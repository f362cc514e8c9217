// Says what clients of GraphQL lose by the schema as it is now, against the one that this branch began with. Nothing is compared where git knows no
// such beginning. `make lint` calls it.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CriticalityLevel, diff } from '@graphql-inspector/core'
import { buildSchema } from 'graphql'

const SCHEMA = 'shop/gateway/schema.graphql'
const root = join(import.meta.dirname, '..')
const git = (...args) => {
  try {
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return null
  }
}

const main = ['origin/main', 'main'].find((name) => git('rev-parse', '--verify', name) !== null)
const base = main && git('merge-base', 'HEAD', main)
const before = base && git('show', `${base}:${SCHEMA}`)
if (before) {
  const changes = await diff(buildSchema(before), buildSchema(readFileSync(join(root, SCHEMA), 'utf8')))
  const broken = changes.filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking)
  for (const { message, path } of broken) console.log(`${SCHEMA} breaks ${path}: ${message}`)
  console.log(`${SCHEMA}: ${changes.length} changes since ${base.slice(0, 8)}, ${broken.length} of them break clients`)
} else {
  console.log(`${SCHEMA}: there is nothing to compare it with`)
}
