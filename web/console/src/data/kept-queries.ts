// Queries that people keep under a name, and long ones that addresses name by an id.
import { type ApiRequest, json, send } from './http'
import { type Reading, useApi } from './use-api'

export type KeptOf = 'logs' | 'traces' | 'sql' | 'metrics'

export interface KeptQuery {
  id: string
  of: KeptOf
  title: string
  text: string
  by: string
  created: string
}

export const KEPT_QUERIES: ApiRequest = { path: '/api/kept-queries' }

const one = (id: string) => `${KEPT_QUERIES.path}/${encodeURIComponent(id)}`

/** Reads the queries that are kept for a page. */
export function useKeptQueries(of: KeptOf): Reading<KeptQuery[]> {
  return useApi(KEPT_QUERIES, { read: (answer) => (answer as { queries: KeptQuery[] }).queries.filter((query) => query.of === of) })
}

/** Reads the query that an address names by its id. */
export const useQueryOf = (id: string): Reading<KeptQuery> => useApi<KeptQuery>(id === '' ? null : { path: one(id) }, { staleMs: Infinity, keep: false })

export const keepQuery = (of: KeptOf, title: string, text: string) => json<KeptQuery>({ ...KEPT_QUERIES, method: 'POST', body: { of, title, text } })

export const removeQuery = (id: string) => send({ path: one(id), method: 'DELETE' })

/** Above this, a text stands in addresses by its id. */
const MAX_TEXT = 1500

/** Returns the parameters by which an address says a text: `q`, or, if it is long and can be kept, `query` with an id. */
export async function textInAddress(of: KeptOf, text: string): Promise<{ q?: string; query?: string }> {
  if (text.length <= MAX_TEXT) return { q: text, query: undefined }
  try {
    const { id } = await json<KeptQuery>({ ...KEPT_QUERIES, method: 'POST', body: { of, title: '', text, isLink: true } })
    return { q: undefined, query: id }
  } catch {
    return { q: text, query: undefined }
  }
}
