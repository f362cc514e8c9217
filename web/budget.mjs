// Compares what browsers load with `budget.json`: bytes after gzip, by what names are like; a file counts where it fits first. More than is
// allowed ends the build.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

export function checkBudget(folder, budgetFile) {
  const budget = JSON.parse(readFileSync(budgetFile, 'utf8'))
  const names = readdirSync(folder, { recursive: true })
  const counted = new Set()
  const over = []
  for (const [pattern, most] of Object.entries(budget)) {
    const [start, end] = pattern.split('*')
    const files = names.filter((name) => !counted.has(name) && (name === pattern || (end !== undefined && name.startsWith(start) && name.endsWith(end))))
    const bytes = files.reduce((sum, name) => sum + sizeOf(join(folder, name)), 0)
    for (const name of files) counted.add(name)
    console.log(`${pattern.padEnd(18)} ${String(bytes).padStart(7)} of ${most} bytes`)
    if (files.length === 0) over.push(`${pattern}: ${budgetFile} allows what is not there`)
    if (bytes > most) over.push(`${pattern}: ${bytes} bytes after gzip, ${most} are allowed by ${budgetFile}`)
  }
  if (over.length > 0) throw new Error(over.join('\n'))
}

function sizeOf(path) {
  const bytes = readFileSync(path)
  // Fonts are compressed already.
  return path.endsWith('.woff2') ? bytes.length : gzipSync(bytes, { level: 9 }).length
}
