// The rows of a statement, read as they come.
import { useQuery } from '@tanstack/react-query'
import { ApiError, type ApiRequest, send } from '../../data/http'
import { AGAIN, type Reading } from '../../data/use-api'
import { lines } from './lines'

export interface Column {
  name: string
  /** As DataFusion calls it: `Timestamp(ns, "UTC")`. */
  type: string
  number: boolean
}

export type Cell = unknown

export interface Answered {
  columns: Column[]
  rows: Cell[][]
  /** Whether there are more rows than are held here. */
  isCut: boolean
  ms: number
}

/** Rows that are held; an export has all. */
export const MOST_ROWS = 50_000

export const statementRequest = (statement: string, format: 'rows' | 'csv' | 'arrow' = 'rows'): ApiRequest => ({
  method: 'POST',
  path: `/api/sql?format=${format}`,
  body: statement,
  headers: { 'content-type': 'application/sql' },
})

/** Reads what a statement returns; `run` tells one run of it from the next. */
export function useStatement(statement: string, run: number): Reading<Answered> {
  const request = statement.trim() === '' ? null : statementRequest(statement)
  const reading = useQuery<Answered, Error>({
    queryKey: ['api', request, run],
    queryFn: ({ signal }) => read(request!, signal),
    enabled: request !== null,
    staleTime: Infinity,
    gcTime: 30_000,
    ...AGAIN,
  })
  return Object.assign(reading, { request })
}

async function read(request: ApiRequest, signal: AbortSignal): Promise<Answered> {
  const begun = performance.now()
  const response = await send(request, signal)
  const rows: Cell[][] = []
  let columns: Column[] | null = null
  let isCut = false
  for await (const line of lines(response.body!)) {
    const value = parsed(line)
    if (!Array.isArray(value)) throw new ApiError(0, (value as { error?: string }).error ?? 'The answer cannot be read.')
    if (columns === null) columns = value as Column[]
    else rows.push(value)
    if (rows.length > MOST_ROWS) {
      isCut = true
      rows.pop()
      break
    }
  }
  return { columns: columns ?? [], rows, isCut, ms: performance.now() - begun }
}

type Reviver = (this: unknown, key: string, value: unknown, context?: { source?: string }) => unknown

/** Whole numbers beyond 2^53 keep their digits, as text, where the browser tells them. */
const exact: Reviver = (_key, value, context) => (typeof value === 'number' && !Number.isSafeInteger(value) && Number.isInteger(value) && context?.source !== undefined ? context.source : value)

const parsed = (line: string): unknown => JSON.parse(line, /\d{16}/.test(line) ? exact : undefined)
