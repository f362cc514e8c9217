// The tree of a PromQL query, as `/api/v1/parse_query` tells it, back in the language, and in words.
import { promText } from '../../data/prometheus'

export interface Matcher {
  name: string
  type: '=' | '!=' | '=~' | '!~'
  value: string
}

interface Selector {
  name: string
  matchers: Matcher[]
  offset: number
  timestamp: number | null
  startOrEnd: 'start' | 'end' | null
}

export type PromNode =
  | { type: 'aggregation'; op: string; expr: PromNode; param: PromNode | null; grouping: string[]; without: boolean }
  | { type: 'binaryExpr'; op: string; lhs: PromNode; rhs: PromNode; bool: boolean; matching: { card: string; labels: string[]; on: boolean; include: string[] } | null }
  | { type: 'call'; func: { name: string; returnType: string }; args: PromNode[] }
  | ({ type: 'vectorSelector' } & Selector)
  | ({ type: 'matrixSelector'; range: number } & Selector)
  | { type: 'subquery'; expr: PromNode; range: number; step: number; offset: number; timestamp: number | null; startOrEnd: 'start' | 'end' | null }
  | { type: 'parenExpr'; expr: PromNode }
  | { type: 'unaryExpr'; op: string; expr: PromNode }
  | { type: 'numberLiteral'; val: string }
  | { type: 'stringLiteral'; val: string }
  | { type: 'placeholder'; children: PromNode[] }

const UNITS: [string, number][] = [['w', 604800e3], ['d', 86400e3], ['h', 3600e3], ['m', 60e3], ['s', 1e3], ['ms', 1]]

/** Returns "1h30m" for milliseconds. */
export function promDuration(ms: number): string {
  let [rest, text] = [Math.abs(ms), '']
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size)
    if (count > 0) text += `${count}${unit}`
    rest -= count * size
  }
  return (ms < 0 ? '-' : '') + (text || '0s')
}

const isPlainName = (name: string) => /^[a-zA-Z_:][\w:]*$/.test(name)

function selectorText(node: Selector): string {
  const isPlain = isPlainName(node.name)
  const others = node.matchers.filter(({ name }) => name !== '__name__' || node.name === '')
  const tests = [...(node.name !== '' && !isPlain ? [promText(node.name)] : []), ...others.map(({ name, type, value }) => `${/^[a-zA-Z_]\w*$/.test(name) ? name : promText(name)}${type}${promText(value)}`)]
  return (isPlain ? node.name : '') + (tests.length > 0 || !isPlain ? `{${tests.join(', ')}}` : '')
}

function momentText({ offset, timestamp, startOrEnd }: { offset: number; timestamp: number | null; startOrEnd: 'start' | 'end' | null }): string {
  const at = timestamp !== null ? ` @ ${timestamp / 1000}` : startOrEnd ? ` @ ${startOrEnd}()` : ''
  return at + (offset === 0 ? '' : ` offset ${promDuration(offset)}`)
}

/** Returns a part of a query in the language. */
export function textOf(node: PromNode): string {
  switch (node.type) {
    case 'numberLiteral':
      return node.val
    case 'stringLiteral':
      return promText(node.val)
    case 'vectorSelector':
      return selectorText(node) + momentText(node)
    case 'matrixSelector':
      return `${selectorText(node)}[${promDuration(node.range)}]${momentText(node)}`
    case 'subquery':
      return `${textOf(node.expr)}[${promDuration(node.range)}:${node.step === 0 ? '' : promDuration(node.step)}]${momentText(node)}`
    case 'parenExpr':
      return `(${textOf(node.expr)})`
    case 'unaryExpr':
      return node.op + textOf(node.expr)
    case 'call':
      return `${node.func.name}(${node.args.map(textOf).join(', ')})`
    case 'aggregation':
      return `${head(node)}(${node.param ? `${textOf(node.param)}, ` : ''}${textOf(node.expr)})`
    case 'binaryExpr':
      return `${textOf(node.lhs)} ${operator(node)} ${textOf(node.rhs)}`
    case 'placeholder':
      return '…'
  }
}

type Of<Type extends PromNode['type']> = Extract<PromNode, { type: Type }>

function head({ op, grouping, without }: Of<'aggregation'>): string {
  return grouping.length > 0 || without ? `${op} ${without ? 'without' : 'by'} (${grouping.join(', ')}) ` : op
}

function operator({ op, bool, matching }: Of<'binaryExpr'>): string {
  const words = [op + (bool ? ' bool' : '')]
  if (matching && (matching.on || matching.labels.length > 0)) words.push(`${matching.on ? 'on' : 'ignoring'} (${matching.labels.join(', ')})`)
  const side = { 'many-to-one': 'group_left', 'one-to-many': 'group_right' }[matching?.card ?? '']
  if (side) words.push(`${side} (${matching!.include.join(', ')})`)
  return words.join(' ')
}

/** Returns what stands in a line of the tree: the part's own word, without the parts below it. */
export function headOf(node: PromNode): string {
  if (node.type === 'aggregation') return `${head(node)}(…)`
  if (node.type === 'binaryExpr') return operator(node)
  if (node.type === 'call') return node.args.length === 0 ? `${node.func.name}()` : `${node.func.name}(…)`
  if (node.type === 'subquery') return `…[${promDuration(node.range)}:${node.step === 0 ? '' : promDuration(node.step)}]`
  if (node.type === 'parenExpr') return '( … )'
  if (node.type === 'unaryExpr') return `${node.op} …`
  return textOf(node)
}

/** Returns the parts of a part. */
export function childrenOf(node: PromNode): PromNode[] {
  switch (node.type) {
    case 'aggregation':
      return node.param ? [node.param, node.expr] : [node.expr]
    case 'binaryExpr':
      return [node.lhs, node.rhs]
    case 'call':
      return node.args
    case 'subquery':
    case 'parenExpr':
    case 'unaryExpr':
      return [node.expr]
    default:
      return []
  }
}

/** Whether a part has a value of its own to look at. */
export const hasValue = (node: PromNode) => node.type !== 'stringLiteral' && node.type !== 'numberLiteral' && node.type !== 'placeholder'
