// SQL over the observatory's own API.
import type { ApiRequest } from './http'
import { type Reading, useResponse } from './use-api'

export type Row = Record<string, unknown>

/** Returns the request for a statement. */
export const sqlRequest = (statement: string): ApiRequest => ({
  method: 'POST',
  path: '/api/sql',
  body: statement,
  headers: { 'content-type': 'application/sql' },
})

/** Reads the rows of a statement. */
export function useSql(statement: string | null): Reading<Row[]> {
  return useResponse(statement === null ? null : sqlRequest(statement), rowsOf, { staleMs: 10_000 })
}

/** Returns the rows of an answer: a JSON object on each line. A last line that says what went wrong is thrown. */
export async function rowsOf(response: Response): Promise<Row[]> {
  const lines = (await response.text()).split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Row)
}

/** Returns a text as SQL has it in quotes. */
export const sqlText = (value: string) => `'${value.replaceAll("'", "''")}'`

/** Returns a time as SQL has it, for milliseconds since 1970. */
export const sqlTime = (ms: number) => `TIMESTAMP '${new Date(ms).toISOString()}'`
