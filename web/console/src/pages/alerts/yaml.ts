// YAML as the observatory writes it: blocks of maps and lists, and values that are plain or in double quotes.

export type Yaml = string | null | Yaml[] | { [key: string]: Yaml }

interface Line {
  indent: number
  text: string
}

/** Returns what a text says. Throws a sentence for what the observatory does not write. */
export function readYaml(text: string): Yaml {
  const lines = text
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s*#/.test(line))
    .map((line) => ({ indent: line.length - line.trimStart().length, text: line.trim() }))
  if (lines.length === 0) return null
  const { value, next } = readBlock(lines, 0)
  if (next < lines.length) throw new Error(`YAML of another form: ${lines[next]?.text ?? ''}`)
  return value
}

const isItem = ({ text }: Line) => text === '-' || text.startsWith('- ')

function readBlock(lines: Line[], at: number): { value: Yaml; next: number } {
  const first = lines[at]!
  if (isItem(first)) return readList(lines, at, first.indent)
  if (keyOf(first.text) === null) return { value: scalar(first.text), next: at + 1 }
  return readMap(lines, at, first.indent)
}

function readList(lines: Line[], at: number, indent: number): { value: Yaml; next: number } {
  const items: Yaml[] = []
  let next = at
  for (let line = lines[next]; line !== undefined && line.indent === indent && isItem(line); line = lines[next]) {
    const rest = line.text.slice(1).trim()
    if (rest === '') {
      const inner = lines[next + 1]
      if (inner === undefined || inner.indent <= indent) {
        items.push(null)
        next++
        continue
      }
    } else {
      // What stands behind the dash is the first line of the item.
      lines[next] = { indent: indent + line.text.indexOf(rest), text: rest }
    }
    const read = readBlock(lines, rest === '' ? next + 1 : next)
    items.push(read.value)
    next = read.next
  }
  return { value: items, next }
}

function readMap(lines: Line[], at: number, indent: number): { value: Yaml; next: number } {
  const map: Record<string, Yaml> = {}
  let next = at
  for (let line = lines[next]; line !== undefined && line.indent === indent && !isItem(line); line = lines[next]) {
    const entry = keyOf(line.text)
    if (entry === null) throw new Error(`YAML of another form: ${line.text}`)
    next++
    if (entry.rest !== '') {
      map[entry.key] = scalar(entry.rest)
      continue
    }
    const inner = lines[next]
    // A list may stand as far left as its key.
    if (inner === undefined || inner.indent < indent || (inner.indent === indent && !isItem(inner))) {
      map[entry.key] = null
      continue
    }
    const read = readBlock(lines, next)
    map[entry.key] = read.value
    next = read.next
  }
  return { value: map, next }
}

function keyOf(text: string): { key: string; rest: string } | null {
  const match = /^("(?:[^"\\]|\\.)*"|[^"\s:][^:]*):(?:\s+(.*))?$/.exec(text)
  if (match === null) return null
  return { key: String(scalar(match[1] ?? '')), rest: (match[2] ?? '').trim() }
}

function scalar(text: string): Yaml {
  if (text === 'null' || text === '~') return null
  if (text === '[]') return []
  if (text === '{}') return {}
  return text.startsWith('"') ? String(JSON.parse(text)) : text
}

export const asMap = (value: Yaml | undefined): Record<string, Yaml> => (typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {})
export const asList = (value: Yaml | undefined): Yaml[] => (Array.isArray(value) ? value : [])
export const asText = (value: Yaml | undefined): string => (typeof value === 'string' ? value : '')
