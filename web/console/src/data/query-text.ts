// The text in which people ask for traces and logs (docs/guide/logs.md), condition by condition.

/** Returns the conditions that stand side by side; null if they are alternatives, of which none can be taken away. */
export function conditionsOf(query: string): string[] | null {
  const parts: string[] = []
  let [part, depth, quote] = ['', 0, '']
  for (let at = 0; at < query.length; at++) {
    const character = query[at]!
    if (character === '\\') {
      part += character + (query[++at] ?? '')
      continue
    }
    if (quote !== '') quote = character === quote ? '' : quote
    else if (character === '"' || (character === '/' && /(^|[:\-(])$/.test(part))) quote = character
    else if (character === '(') depth++
    else if (character === ')') depth--
    if (quote === '' && depth === 0 && /\s/.test(character)) {
      if (part !== '') parts.push(part)
      part = ''
    } else part += character
  }
  if (part !== '') parts.push(part)
  if (parts.includes('OR')) return null
  return parts.filter((part) => part !== 'AND').reduce<string[]>((conditions, part) => (conditions.at(-1) === 'NOT' ? [...conditions.slice(0, -1), `-${part}`] : [...conditions, part]), [])
}

/** Returns a query with one more condition, given as it is written; one that says the opposite goes. */
export function withWritten(query: string, condition: string): string {
  const conditions = conditionsOf(query)
  if (conditions === null) return `(${query}) ${condition}`
  const opposite = condition.startsWith('-') ? condition.slice(1) : `-${condition}`
  return [...conditions.filter((other) => other !== condition && other !== opposite && other !== '*'), condition].join(' ')
}

/** Returns a query without one of its conditions. */
export const withoutOne = (conditions: string[], place: number) => conditions.filter((_, at) => at !== place).join(' ')

const PLAIN_KEY = /^[\w.][\w.-]*$/
const OWN_KEYS = new Set(['service', 'level', 'severity', 'severity_text', 'message', 'body', 'event', 'trace', 'span', 'scope', 'scope_version', 'status', 'time', 'observed_time'])

/** Returns an attribute's name as a query has it. */
export function attributeKey(name: string): string {
  if (!PLAIN_KEY.test(name)) return `"${name.replace(/[\\"]/g, '\\$&')}"`
  return OWN_KEYS.has(name) ? `attributes.${name}` : name
}
