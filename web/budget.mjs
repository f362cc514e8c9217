// Compares what browsers load with `budget.json`: bytes after gzip, by the end of the name. More than is allowed ends the build.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

export function checkBudget(folder, budgetFile) {
  const budget = JSON.parse(readFileSync(budgetFile, 'utf8'))
  const names = readdirSync(folder, { recursive: true })
  const over = []
  for (const [ending, most] of Object.entries(budget)) {
    const files = names.filter((name) => name.endsWith(ending))
    const bytes = files.reduce((sum, name) => sum + sizeOf(join(folder, name)), 0)
    console.log(`${ending.padEnd(8)} ${String(bytes).padStart(7)} of ${most} bytes`)
    if (bytes > most) over.push(`${ending}: ${bytes} bytes after gzip, ${most} are allowed by ${budgetFile}`)
  }
  if (over.length > 0) throw new Error(over.join('\n'))
}

function sizeOf(path) {
  const bytes = readFileSync(path)
  // Fonts are compressed already.
  return path.endsWith('.woff2') ? bytes.length : gzipSync(bytes, { level: 9 }).length
}
