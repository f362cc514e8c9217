// PromQL in the editor: names, labels and values are completed out of what is stored, and mistakes are shown where they are.
import type { Extension } from '@codemirror/state'
import { PromQLExtension } from '@prometheus-io/codemirror-promql'
import { type ApiRequest, send } from '../data/http'

/** How far back names are looked for. */
const LOOKBACK_MS = 3600e3

const ask = (input: RequestInfo | URL, init?: RequestInit) => {
  const path = input instanceof Request ? input.url : String(input)
  const request: ApiRequest = { path, method: init?.method === 'POST' ? 'POST' : 'GET', body: init?.body ?? undefined }
  return send(request, init?.signal ?? undefined)
}

export function promql(): Extension {
  return new PromQLExtension().setComplete({ remote: { url: '', apiPrefix: '/prometheus/api/v1', httpMethod: 'GET', lookbackInterval: LOOKBACK_MS, fetchFn: ask, httpErrorHandler: () => {} } }).asExtension()
}
