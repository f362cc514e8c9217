// The query text of people, for traces and logs: keys and values are completed out of what is stored, and the newest queries are offered.
import { useRef, useState } from 'react'
import { useApi } from '../data/use-api'
import { withParameters } from '../data/http'
import { withWritten } from '../data/query-text'
import { useKeys } from '../keys'
import { useTime } from '../time'
import { Combobox, type Proposal } from './combobox'
import { recentQueries, rememberQuery } from './recent-queries'

interface QueryFieldProps {
  /** Whose newest queries are offered: `traces`, `logs`. */
  of: string
  value: string
  onSubmit: (query: string) => void
  /** Keys that are known beside those that are stored. */
  keys: string[]
  placeholder?: string
  isWrong?: boolean
}

interface Fields {
  fields: { name: string; values?: { value: string; records: number }[] }[]
}

export function QueryField({ of, value, onSubmit, keys, placeholder, isWrong }: QueryFieldProps) {
  const [typed, setTyped] = useState(value)
  const [before, setBefore] = useState(value)
  const input = useRef<HTMLInputElement>(null)
  if (before !== value) {
    setBefore(value)
    setTyped(value)
  }
  const time = useTime()
  const minute = 60e3
  const fields = useApi<Fields>({ path: withParameters('/api/logs/fields', { start: Math.floor(time.from / minute) * minute, end: Math.ceil(time.to / minute) * minute, limit: 100, values: 20 }) }, { staleMs: 60_000 })
  useKeys('Query', [{ keys: '/', does: 'Go to the query', run: () => input.current?.focus() }])
  const submit = (query: string) => {
    rememberQuery(of, query)
    onSubmit(query.trim())
  }
  return <Combobox label="Query" icon="search" input={input} value={typed} onChange={setTyped} onSubmit={submit} placeholder={placeholder} isWrong={isWrong} proposals={proposalsFor(typed, of, keys, fields.data)} />
}

const MOST = 12

function proposalsFor(typed: string, of: string, keys: string[], fields: Fields | undefined): Proposal[] {
  if (typed === '') return recentQueries(of).map((query) => ({ text: query, detail: 'recent', value: query }))
  const start = typed.slice(0, typed.length - (/[^\s()]*$/.exec(typed)?.[0].length ?? 0))
  const part = typed.slice(start.length).replace(/^-/, '')
  const sign = typed.slice(start.length).startsWith('-') ? '-' : ''
  const [key, value] = part.includes(':') ? [part.slice(0, part.indexOf(':')), part.slice(part.indexOf(':') + 1)] : [part, null]
  if (value !== null) {
    const values = fields?.fields.find(({ name }) => name === key)?.values ?? []
    return values
      .filter((each) => each.value.toLowerCase().startsWith(value.toLowerCase()) && each.value !== value)
      .slice(0, MOST)
      .map((each) => ({ text: each.value, detail: String(each.records), value: `${start}${sign}${key}:${quotedValue(each.value)} ` }))
  }
  if (key === '') return []
  const all = [...new Set([...keys, ...(fields?.fields.map(({ name }) => name) ?? [])])]
  return all
    .filter((name) => name.toLowerCase().includes(key.toLowerCase()))
    .slice(0, MOST)
    .map((name) => ({ text: `${name}:`, value: `${start}${sign}${name}:` }))
}

/** Returns a value as the query text has it. */
export function quotedValue(value: string): string {
  return /^[\w.@%+=,][\w.@%+=,/-]*$/.test(value) ? value : `"${value.replace(/[\\"]/g, '\\$&')}"`
}

/** Returns a query with one more condition; one that says the opposite goes. */
export const withCondition = (query: string, key: string, value: string, isNot = false): string => withWritten(query, `${isNot ? '-' : ''}${key}:${quotedValue(value)}`)
