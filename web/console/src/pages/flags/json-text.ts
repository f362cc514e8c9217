// JSON as it was written: numbers keep their point and digits, which JSON.parse would take away, and a flag's type with them.

/** Returns the member `definition` of an answer as it was sent. It is the last one, and no text within the answer can look like its name. */
export function definitionText(answer: string): string {
  const name = ',"definition":'
  const start = answer.indexOf(name)
  return start < 0 ? '{}' : answer.slice(start + name.length, answer.lastIndexOf('}'))
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g
/** The widest list or object that stands on one line. */
const WIDEST = 72

/** Returns JSON on several lines, with each number and text as it was written. */
export function spread(json: string): string {
  const tokens = json.match(TOKEN) ?? []
  let place = 0
  const value = (indent: string): string => {
    const token = tokens[place++] ?? ''
    if (token !== '{' && token !== '[') return token
    const close = token === '{' ? '}' : ']'
    const inner = `${indent}  `
    const items: string[] = []
    while (place < tokens.length && tokens[place] !== close) {
      if (tokens[place] === ',') place++
      else if (token === '{') {
        const name = tokens[place]
        place += 2
        items.push(`${name}: ${value(inner)}`)
      } else items.push(value(inner))
    }
    place++
    if (items.length === 0) return token + close
    const line = token === '{' ? `{ ${items.join(', ')} }` : `[${items.join(', ')}]`
    if (indent !== '' && line.length + indent.length <= WIDEST && !line.includes('\n')) return line
    return `${token}\n${inner}${items.join(`,\n${inner}`)}\n${indent}${close}`
  }
  return value('')
}

/** Returns what is wrong with a text that should be a JSON object; null if nothing is. */
export function mistakeIn(text: string): string | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? null : 'An object is expected: { … }'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
