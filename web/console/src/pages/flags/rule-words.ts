// A rule in words: JsonLogic as people say it, a line for each way through it.

/** One way through a rule. */
interface Way {
  /** When it is taken; null where nothing before it was. */
  when: string | null
  /** What comes out. */
  gives: string
}

type Operands = unknown[]

const list = (value: unknown): Operands => (Array.isArray(value) ? value : [value])

function operation(rule: unknown): [string, Operands] | null {
  if (typeof rule !== 'object' || rule === null || Array.isArray(rule)) return null
  const entries = Object.entries(rule)
  return entries.length === 1 ? [entries[0]![0], list(entries[0]![1])] : null
}

/** Returns the ways through a flag's rule, in their order. */
export function waysOf(rule: unknown): Way[] {
  if (rule === undefined || rule === null || (typeof rule === 'object' && Object.keys(rule).length === 0)) return []
  const found = operation(rule)
  if (found?.[0] !== 'if' && found?.[0] !== '?:') return [{ when: null, gives: outcome(rule) }]
  const [, operands] = found
  const ways: Way[] = []
  for (let place = 0; place + 1 < operands.length; place += 2) ways.push({ when: words(operands[place]), gives: outcome(operands[place + 1]) })
  if (operands.length % 2 === 1) {
    const rest = operands.at(-1)
    const inner = operation(rest)
    if (inner?.[0] === 'if') return [...ways, ...waysOf(rest)]
    if (rest !== null) ways.push({ when: null, gives: outcome(rest) })
  }
  return ways
}

function outcome(rule: unknown): string {
  if (rule === null) return 'the default variant'
  const found = operation(rule)
  if (found?.[0] === 'fractional') return shares(found[1])
  if (found?.[0] === 'if') return waysOf(rule).map(({ when, gives }) => (when === null ? `else ${gives}` : `if ${when} then ${gives}`)).join('; ')
  return words(rule)
}

function shares(operands: Operands): string {
  const [first, ...rest] = operands
  const isBucket = Array.isArray(first)
  const buckets = (isBucket ? operands : rest) as [unknown, number?][]
  const total = buckets.reduce((sum, bucket) => sum + weight(bucket), 0)
  const all = buckets.map((bucket) => `${percentOf(weight(bucket), total)} ${words(list(bucket)[0])}`).join(', ')
  return isBucket ? all : `${all} by ${words(first)}`
}

const weight = (bucket: unknown) => (typeof list(bucket)[1] === 'number' ? (list(bucket)[1] as number) : 1)
const percentOf = (part: number, all: number) => `${all === 0 ? 0 : Number(((part / all) * 100).toFixed(2))}%`

const BETWEEN: Record<string, string> = {
  '==': 'is',
  '===': 'is',
  '!=': 'is not',
  '!==': 'is not',
  '<': '<',
  '<=': '≤',
  '>': '>',
  '>=': '≥',
  '+': '+',
  '-': '−',
  '*': '×',
  '/': '÷',
  '%': 'modulo',
  starts_with: 'starts with',
  ends_with: 'ends with',
  in: 'is one of',
}

/** Returns a part of a rule in words. */
export function words(rule: unknown): string {
  const found = operation(rule)
  if (found === null) return Array.isArray(rule) ? rule.map(words).join(', ') : typeof rule === 'string' ? rule : JSON.stringify(rule)
  const [name, operands] = found
  if (name === 'var') return String(operands[0] === '' ? 'the context' : operands[0])
  if (name === '$ref') return `segment ${String(operands[0])}`
  if (name === 'and' || name === 'or') return operands.map((part) => (['and', 'or'].includes(operation(part)?.[0] ?? '') ? `(${words(part)})` : words(part))).join(` ${name} `)
  if (name === '!') return `not (${words(operands[0])})`
  if (name === '!!') return `${words(operands[0])} is there`
  if (name === 'sem_ver') return `${words(operands[0])} ${String(operands[1])} ${words(operands[2])}`
  if (name === 'missing') return `${operands.map(words).join(', ')} missing`
  if (name === 'fractional') return shares(operands)
  if (name === 'in' && !Array.isArray(operands[1])) return `${words(operands[1])} contains ${words(operands[0])}`
  const between = BETWEEN[name]
  if (between !== undefined && operands.length > 1) return operands.map(words).join(` ${between} `)
  return `${name}(${operands.map(words).join(', ')})`
}
