// What a query in people's text can go on with.
import { quotedValue } from '../data/query-text'
import type { Proposal } from './combobox'

/** What is stored: keys, and the most frequent values of each. */
export interface Fields {
  fields: { name: string; values?: { value: string | number | boolean; records: number }[] }[]
}

const MOST = 12

/** Returns the next steps of a query: recent ones as long as nothing is typed, then keys, then values of the key. */
export function proposalsFor(typed: string, keys: string[], fields: Fields | undefined, recent: string[]): Proposal[] {
  if (typed === '') return recent.map((query) => ({ text: query, detail: 'recent', value: query }))
  const start = typed.slice(0, typed.length - (/[^\s()]*$/.exec(typed)?.[0].length ?? 0))
  const part = typed.slice(start.length).replace(/^-/, '')
  const sign = typed.slice(start.length).startsWith('-') ? '-' : ''
  const [key, value] = part.includes(':') ? [part.slice(0, part.indexOf(':')), part.slice(part.indexOf(':') + 1)] : [part, null]
  if (value !== null) {
    const values = fields?.fields.find(({ name }) => name === key)?.values ?? []
    return values
      .map((each) => ({ text: String(each.value), records: each.records }))
      .filter(({ text }) => text.toLowerCase().startsWith(value.toLowerCase()) && text !== value)
      .slice(0, MOST)
      .map(({ text, records }) => ({ text, detail: String(records), value: `${start}${sign}${key}:${quotedValue(text)} ` }))
  }
  if (key === '') return []
  const all = [...new Set([...keys, ...(fields?.fields.map(({ name }) => name) ?? [])])]
  return all
    .filter((name) => name.toLowerCase().includes(key.toLowerCase()))
    .slice(0, MOST)
    .map((name) => ({ text: `${name}:`, value: `${start}${sign}${name}:` }))
}
