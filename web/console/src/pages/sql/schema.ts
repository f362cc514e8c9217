// What there is to select from: tables with their columns, and functions.
import { useMemo } from 'react'
import { useSql, type Row } from '../../data/sql'
import type { Reading } from '../../data/use-api'
import type { SqlNames } from '../../parts/editor'

interface TableColumn {
  name: string
  type: string
  isNullable: boolean
}

export interface Table {
  name: string
  columns: TableColumn[]
}

const COLUMNS = `SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = 'public'`
const FUNCTIONS = `SELECT routine_name, min(function_type) AS kind, min(syntax_example) AS syntax, min(description) AS description FROM information_schema.routines GROUP BY routine_name ORDER BY routine_name`

export const useColumns = (): Reading<Row[]> => useSql(COLUMNS)

/** Functions that are not DataFusion's (docs/guide/sql.md). */
const OWN = [
  { name: 'promql', detail: 'table', info: "What PromQL says: promql('up'), or promql('up', start, end, '1m')" },
  { name: 'service_graph', detail: 'table', info: "Callers and called: service_graph(now() - interval '1 hour', now())" },
  { name: 'services', detail: 'table', info: "Services: services(now() - interval '1 hour', now())" },
]

/** Returns tables, those of telemetry first. */
export function tablesOf(rows: Row[]): Table[] {
  const tables = new Map<string, TableColumn[]>()
  for (const { table_name, column_name, data_type, is_nullable } of rows) {
    const columns = tables.get(String(table_name)) ?? []
    tables.set(String(table_name), columns)
    columns.push({ name: String(column_name), type: shortType(String(data_type)), isNullable: is_nullable === 'YES' })
  }
  const first = ['spans', 'logs', 'metrics', 'series', 'services', 'service_graph', 'span_events', 'span_links', 'exemplars']
  const order = (name: string) => (first.indexOf(name) + first.length + 1) % (first.length + 1)
  return [...tables].map(([name, columns]) => ({ name, columns })).toSorted((a, b) => order(a.name) - order(b.name))
}

/** Returns a type as people call it. */
function shortType(type: string): string {
  if (type.startsWith('Timestamp')) return 'time'
  if (type.startsWith('Dictionary') || type.startsWith('Utf8') || type.startsWith('LargeUtf8')) return 'text'
  if (type.startsWith('Map')) return 'map'
  if (type.startsWith('FixedSizeBinary') || type.startsWith('Binary')) return 'bytes'
  if (/^List|^LargeList|^FixedSizeList/.test(type)) return 'list'
  if (/^U?Int/.test(type)) return 'whole'
  if (/^(Float|Decimal)/.test(type)) return 'number'
  if (type.startsWith('Boolean')) return 'bool'
  if (type.startsWith('Date')) return 'date'
  return type.split(/[(<]/)[0]!.toLowerCase()
}

/** Returns what the editor completes. */
export function useNames(rows: Row[] | undefined): SqlNames | undefined {
  // One after the other: few statements run at a time.
  const functions = useSql(rows === undefined ? null : FUNCTIONS)
  return useMemo(() => {
    if (rows === undefined) return undefined
    const known = (functions.data ?? []).map(({ routine_name, kind, syntax, description }) => ({ name: String(routine_name), detail: String(kind ?? '').toLowerCase(), info: [syntax, description].filter(Boolean).join('\n\n') || undefined }))
    return { tables: Object.fromEntries(tablesOf(rows).map(({ name, columns }) => [name, columns.map(({ name }) => name)])), functions: [...OWN, ...known] }
  }, [rows, functions.data])
}
