// The query text of people, for traces and logs: keys and values are completed out of what is stored, and the newest queries are offered.
import { useRef, useState } from 'react'
import { useApi } from '../data/use-api'
import { withParameters } from '../data/http'
import { useKeys } from '../keys'
import { useTime } from '../time'
import { Combobox } from './combobox'
import { type Fields, proposalsFor } from './query-proposals'
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
  return <Combobox label="Query" icon="search" input={input} value={typed} onChange={setTyped} onSubmit={submit} placeholder={placeholder} isWrong={isWrong} proposals={proposalsFor(typed, keys, fields.data, recentQueries(of))} />
}
