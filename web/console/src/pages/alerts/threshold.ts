// What an alert's expression compares with what, and when it would have fired.
import type { Series } from '../../data/prometheus'

export interface Comparison {
  /** What is compared, as PromQL. */
  left: string
  operator: string
  threshold: number
}

/** Rules may ask in SQL, too: those have no course that PromQL could tell. */
export const isSql = (expression: string): boolean => /^\s*(select|with)\s/i.test(expression)

const OPERATOR = /^(==|!=|>=|<=|>|<)/

/**
 * Returns the first comparison with a number of an expression, outside of brackets: `a > 0.5 and b > 1` compares `a` with 0.5. Null if there is none.
 * Of `(a > 1)` it looks within.
 */
export function comparisonOf(expression: string): Comparison | null {
  const text = expression.trim()
  if (text.startsWith('(') && closing(text, 0) === text.length - 1) return comparisonOf(text.slice(1, -1))
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]!
    if (sign === '"' || sign === "'" || sign === '`') at = quoteEnd(text, at)
    else if ('([{'.includes(sign)) at = closing(text, at)
    else if (/^(and|or|unless)\b/i.test(text.slice(at)) && !/\w/.test(text[at - 1] ?? ' ')) {
      // Nothing is compared before the operator: the first operand may be in brackets.
      return comparisonOf(text.slice(0, at))
    } else {
      const operator = OPERATOR.exec(text.slice(at))?.[1]
      if (operator === undefined) continue
      const number = /^\s*(?:bool\s+)?([-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?)\s*(?=$|\)|(?:and|or|unless)\b)/i.exec(text.slice(at + operator.length))
      return number === null ? null : { left: text.slice(0, at).trim(), operator, threshold: Number(number[1]) }
    }
  }
  return null
}

function quoteEnd(text: string, at: number): number {
  for (let end = at + 1; end < text.length; end++) {
    if (text[end] === '\\' && text[at] !== '`') end++
    else if (text[end] === text[at]) return end
  }
  return text.length
}

function closing(text: string, at: number): number {
  let depth = 0
  for (let end = at; end < text.length; end++) {
    const sign = text[end]!
    if (sign === '"' || sign === "'" || sign === '`') end = quoteEnd(text, end)
    else if ('([{'.includes(sign)) depth++
    else if (')]}'.includes(sign) && --depth === 0) return end
  }
  return text.length
}

export interface Firing {
  labels: Record<string, string>
  from: number
  to: number
}

/**
 * Returns when alerts would have fired, out of the results of an alert's expression at steps of so many ms: a series that is there for as long as `for`
 * says fires until it is gone, and on for `keepFiring`.
 */
export function firingsOf(series: Series[], stepMs: number, forMs: number, keepFiringMs = 0): Firing[] {
  return series.flatMap(({ labels, times }) => {
    const runs: { from: number; to: number }[] = []
    for (const time of times) {
      const last = runs.at(-1)
      if (last !== undefined && time - last.to <= stepMs * 1.5 + keepFiringMs) last.to = time
      else runs.push({ from: time, to: time })
    }
    return runs.filter(({ from, to }) => to - from >= forMs).map(({ from, to }) => ({ labels, from: from + forMs, to: to + stepMs + keepFiringMs }))
  })
}

/** Returns whether a series' labels are all those of an alert: then it is what the alert is about. */
export const isOf = (series: Record<string, string>, alert: Record<string, string>): boolean => Object.entries(series).every(([name, value]) => name === '__name__' || alert[name] === value)
