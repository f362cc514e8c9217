// A query of log records as a statement. What SQL says in another way stands in it as a comment, so that nothing is left out silently.
import { sqlText, sqlTime } from '../../data/sql'
import { conditionsOf, knownKey } from '../../data/query-text'
import type { Scope } from './log-api'

const COLUMNS: Record<string, string> = { service: 'service', event: 'event_name', severity_text: 'severity_text', scope: 'scope_name', scope_version: 'scope_version', trace: 'trace_id', span: 'span_id' }
const SEVERITIES: Record<string, [number, number]> = { trace: [1, 4], debug: [5, 8], info: [9, 12], warn: [13, 16], error: [17, 20], fatal: [21, 24] }

/** Returns the statement for the newest records that a query finds. */
export function logSql({ query, from, to }: Scope): string {
  const conditions = conditionsOf(query) ?? [`(${query})`]
  const lines = conditions.filter((condition) => condition !== '*').map((condition) => testOf(condition) ?? `-- not written as SQL: ${condition.replaceAll('\n', ' ')}`)
  const tests = [`time >= ${sqlTime(from)}`, `time < ${sqlTime(to)}`, ...lines.filter((line) => !line.startsWith('--'))]
  return [...lines.filter((line) => line.startsWith('--')), 'SELECT time, severity_text, service, body, attributes, trace_id, span_id', 'FROM logs', `WHERE ${tests.join('\n  AND ')}`, 'ORDER BY time DESC', 'LIMIT 1000'].join('\n')
}

function testOf(condition: string): string | null {
  const isNot = condition.startsWith('-')
  const test = plainTest(isNot ? condition.slice(1) : condition)
  if (test === null) return null
  return isNot ? `(${test}) IS NOT TRUE` : test
}

function plainTest(condition: string): string | null {
  if (/^\w[\w-]*$/.test(condition)) return `has_words(body, ${sqlText(condition)})`
  const phrase = /^"((?:[^"\\]|\\.)*)"$/.exec(condition)
  if (phrase) return `has_words(body, ${sqlText(bare(phrase[1]!))})`
  const pair = /^("(?:[^"\\]|\\.)*"|[\w.-]+):(.+)$/s.exec(condition)
  if (!pair) return null
  const isQuoted = pair[1]!.startsWith('"')
  const [name, value] = [bare(pair[1]!.replace(/^"|"$/g, '')), pair[2]!]
  if (isQuoted) return valueTest(anyAttribute(name), value)
  const key = knownKey(name)
  if (key.startsWith('scope.')) return null
  if (key === 'level') return levelTest(value)
  if (key === 'template') return /^-?\d+$/.test(value) ? `template = ${value}` : null
  if (key === 'status') return value === 'error' ? 'severity >= 17' : value === 'ok' ? '(severity < 17) IS NOT FALSE' : null
  if (key === 'message') return messageTest(value)
  return valueTest(columnOf(key), value)
}

const bare = (text: string) => text.replace(/\\(.)/gs, '$1')

function levelTest(value: string): string | null {
  const [, sign, name] = /^(>=|<=|>|<)?(\w+)$/.exec(value) ?? []
  const bounds = SEVERITIES[name ?? '']
  if (!bounds) return null
  const [low, high] = bounds
  if (sign === undefined) return `severity BETWEEN ${low} AND ${high}`
  return { '>=': `severity >= ${low}`, '>': `severity > ${high}`, '<=': `severity <= ${high}`, '<': `severity < ${low}` }[sign] ?? null
}

function messageTest(value: string): string | null {
  const expression = /^\/(.*)\/$/s.exec(value)
  if (expression) return `body ~ ${sqlText(expression[1]!.replaceAll('\\/', '/'))}`
  return /[*()]/.test(value) ? null : `has_words(body, ${sqlText(bare(value.replace(/^"|"$/g, '')))})`
}

const anyAttribute = (name: string) => `coalesce(attr(attributes, ${sqlText(name)}), attr(resource, ${sqlText(name)}))`

function columnOf(key: string): string {
  const of = /^(attributes|resource)\.(.+)$/.exec(key)
  return COLUMNS[key] ?? (of ? `attr(${of[1]}, ${sqlText(of[2]!)})` : anyAttribute(key))
}

function valueTest(column: string, value: string): string | null {
  if (value === '*') return `${column} IS NOT NULL`
  const number = /^(>=|<=|>|<)(-?[\d.]+(?:e\d+)?)$/i.exec(value)
  if (number) return `try_cast(${column} AS double) ${number[1]} ${number[2]}`
  if (/^".*"$/s.test(value)) return `${column} = ${sqlText(bare(value.slice(1, -1)))}`
  if (/^[/<>(]|\.\./.test(value)) return null
  if (value.includes('*')) return `${column} LIKE ${sqlText(bare(value).replace(/[%_]/g, '\\$&').replaceAll('*', '%'))}`
  return `${column} = ${sqlText(bare(value))}`
}
