// The text in which people ask for traces and logs (docs/guide/logs.md), condition by condition.

/** A regular expression; a slash with another text is one of its letters. */
const REGEX = /^\/(?:[^/\\]|\\.)+\/(?=[\s()]|$)/s

/** Returns the conditions that stand side by side; null if they are alternatives, of which none can be taken away. */
export function conditionsOf(query: string): string[] | null {
  const parts: string[] = []
  let [part, depth, isQuoted] = ['', 0, false]
  for (let at = 0; at < query.length; at++) {
    const character = query[at]!
    if (character === '\\') {
      part += character + (query[++at] ?? '')
      continue
    }
    const regex = character === '/' && !isQuoted && /(^|[:\-(])$/.test(part) ? REGEX.exec(query.slice(at))?.[0] : undefined
    if (regex !== undefined) {
      part += regex
      at += regex.length - 1
      continue
    }
    if (character === '"') isQuoted = !isQuoted
    else if (!isQuoted && character === '(') depth++
    else if (!isQuoted && character === ')') depth--
    if (!isQuoted && depth === 0 && /\s/.test(character)) {
      if (part !== '') parts.push(part)
      part = ''
    } else part += character
  }
  if (part !== '') parts.push(part)
  if (parts.some((part) => /^OR(\(|$)/.test(part))) return null
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

/** Returns a value as a query has it. */
export const quotedValue = (value: string): string => (/^[\w.@%+=,][\w.@%+=,/-]*$/.test(value) && !value.includes('..') ? value : `"${value.replace(/[\\"]/g, '\\$&')}"`)

/** Returns a query with one more condition; one that says the opposite goes. */
export const withCondition = (query: string, key: string, value: string, isNot = false): string => withWritten(query, `${isNot ? '-' : ''}${key}:${quotedValue(value)}`)

/** Other names of keys that are no attributes. */
const OTHER_NAMES: Record<string, string> = { 'service.name': 'service', severity: 'level', body: 'message', event_name: 'event', trace_id: 'trace', 'trace.id': 'trace', span_id: 'span', 'span.id': 'span', scope_name: 'scope' }

/** Returns the name of a key by which its field is known. */
export const knownKey = (key: string): string => OTHER_NAMES[key] ?? key

const PLAIN_KEY = /^[\w.][\w.-]*$/
const OWN_KEYS = new Set(['service', 'level', 'severity_text', 'message', 'template', 'event', 'trace', 'span', 'scope', 'scope_version', 'status', 'time', 'observed_time'])

/** Returns an attribute's name as a query has it. */
export function attributeKey(name: string): string {
  if (!PLAIN_KEY.test(name)) return `"${name.replace(/[\\"]/g, '\\$&')}"`
  return OWN_KEYS.has(knownKey(name)) || /^(attributes|resource|scope)\./.test(name) ? `attributes.${name}` : name
}
