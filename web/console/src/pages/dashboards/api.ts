// The store of dashboards: each has a revision, and a change says which one it was made of.
import { type ApiRequest, ApiError, json, send, jsonOf } from '../../data/http'
import { type Reading, useApi, useResponse } from '../../data/use-api'
import { type Dashboard, readDashboard } from './document'

export interface Listed {
  name: string
  title: string
  revision: number
  /** RFC 3339; not of those that come with the observatory. */
  updated?: string | null
  by?: string | null
  isShipped: boolean
}

export interface Stored {
  document: Dashboard
  /** Of the revision that was read. */
  etag: string
}

export const LIST: ApiRequest = { path: '/api/dashboards' }

export const oneRequest = (name: string): ApiRequest => ({ path: `/api/dashboards/${encodeURIComponent(name)}` })

export function useDashboards(): Reading<{ dashboards: Listed[] }> {
  return useApi(LIST)
}

export function useDashboard(name: string): Reading<Stored> {
  return useResponse(oneRequest(name), readStored, { keep: false })
}

async function readStored(response: Response): Promise<Stored> {
  const etag = response.headers.get('etag') ?? ''
  return { document: readDashboard(await jsonOf(response)), etag }
}

/** Reads a dashboard as it is now. */
export const readNow = async (name: string): Promise<Stored> => readStored(await send(oneRequest(name)))

/** Stores a new dashboard, and returns the name that it has. */
export async function create(document: Dashboard): Promise<string> {
  const answer = await json<{ name?: string }>({ method: 'POST', path: '/api/dashboards', body: { document } })
  return answer.name ?? document.metadata.name
}

/** Stores a change. Returns what is there now if somebody else changed it since. */
export async function change(document: Dashboard, etag: string): Promise<'stored' | Stored> {
  const { name } = document.metadata
  try {
    await send({ ...oneRequest(name), method: 'PUT', body: document, headers: { 'if-match': etag } })
    return 'stored'
  } catch (error) {
    if (error instanceof ApiError && error.status === 412) return readNow(name)
    throw error
  }
}

export async function remove(name: string, etag: string): Promise<void> {
  await send({ ...oneRequest(name), method: 'DELETE', headers: { 'if-match': etag } })
}

/** Gives a document to the browser as a file. */
export function download(document: Dashboard) {
  const address = URL.createObjectURL(new Blob([`${JSON.stringify(document, null, 2)}\n`], { type: 'application/json' }))
  const link = window.document.createElement('a')
  link.href = address
  link.download = `${document.metadata.name}.json`
  link.click()
  URL.revokeObjectURL(address)
}
