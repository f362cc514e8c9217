// Requests to the observatory's public APIs, and what they say when they refuse.

/** A request as a panel shows it, and as others can repeat it. */
export interface ApiRequest {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH'
  /** The path with its parameters. */
  path: string
  /** Sent as JSON unless it is a text, or a form. */
  body?: unknown
  headers?: Record<string, string>
}

/** What an API refused, in its own words. */
export class ApiError extends Error {
  readonly status: number
  /** The trace of the request that failed, if it was told. */
  readonly traceId: string | undefined
  /** Where in what was sent the mistake is, if that was told. */
  readonly detail: unknown

  constructor(status: number, message: string, traceId?: string, detail?: unknown) {
    super(message)
    this.status = status
    this.traceId = traceId
    this.detail = detail
  }
}

/** Told when a request found that nobody is signed in any more. */
export const signedOut = new EventTarget()

let tenant: string | null = null

/** Has all requests be about a tenant's telemetry. */
export function setTenant(name: string | null) {
  tenant = name
}

/** Returns whose telemetry requests are about; none is the observatory's default. */
export const askedTenant = (): string | null => tenant

function bodyOf(body: unknown): { body?: BodyInit; type?: string } {
  if (body === undefined) return {}
  if (typeof body === 'string') return { body }
  if (body instanceof URLSearchParams) return { body, type: 'application/x-www-form-urlencoded' }
  return { body: JSON.stringify(body), type: 'application/json' }
}

/** Sends a request; throws an `ApiError` unless it was answered with 2xx. */
export async function send(request: ApiRequest, signal?: AbortSignal): Promise<Response> {
  const { body, type } = bodyOf(request.body)
  const headers = new Headers(request.headers)
  if (type !== undefined && !headers.has('content-type')) headers.set('content-type', type)
  if (tenant !== null && !headers.has('x-scope-orgid')) headers.set('x-scope-orgid', tenant)
  let response: Response
  try {
    response = await fetch(request.path, { method: request.method ?? 'GET', headers, body, signal })
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new ApiError(0, 'The observatory does not answer. Is it running?')
  }
  if (response.ok) return response
  if (response.status === 401 && response.headers.get('x-console-session') === 'none') signedOut.dispatchEvent(new Event('signed-out'))
  throw await refusal(response)
}

/** Returns the JSON of an answer; throws an `ApiError` if it broke off. */
export async function jsonOf<Data>(response: Response): Promise<Data> {
  try {
    return (await response.json()) as Data
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new ApiError(response.status, 'The answer broke off: half of it is worth nothing. What is between here and the observatory may be away.')
  }
}

/** Sends a request and returns the JSON that it is answered with. */
export const json = async <Data>(request: ApiRequest, signal?: AbortSignal): Promise<Data> => jsonOf(await send(request, signal))

async function refusal(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '')
  const traceId = /^00-([0-9a-f]{32})-/.exec(response.headers.get('traceparent') ?? '')?.[1] ?? response.headers.get('x-trace-id') ?? undefined
  let detail: unknown
  try {
    detail = JSON.parse(text)
  } catch {
    detail = undefined
  }
  return new ApiError(response.status, messageOf(detail) ?? (text.length > 0 && text.length < 500 && !text.startsWith('<') ? text : saidByStatus(response.status)), traceId, detail)
}

/** Each API says what is wrong in a form of its own. */
function messageOf(detail: unknown): string | undefined {
  if (typeof detail === 'string' && detail !== '') return detail
  if (typeof detail !== 'object' || detail === null) return undefined
  const said = detail as Record<string, unknown>
  for (const name of ['detail', 'error', 'message', 'title']) {
    const value = said[name]
    if (typeof value === 'string' && value !== '') return value
    if (typeof value === 'object' && value !== null) {
      const inner = (value as Record<string, unknown>).reason ?? (value as Record<string, unknown>).message
      if (typeof inner === 'string') return inner
    }
  }
  const errors = said.errors
  if (Array.isArray(errors)) return errors.map((error) => (typeof error === 'object' && error !== null ? (error as { msg?: string }).msg : String(error))).join('; ')
  return undefined
}

function saidByStatus(status: number): string {
  if (status === 401) return 'You are not signed in.'
  if (status === 403) return 'You may not do this.'
  if (status === 404) return 'There is nothing there.'
  if (status === 429 || status === 503) return 'Too many ask at once: try again in a moment.'
  if (status === 504) return 'It took too long. A shorter time range is answered sooner.'
  return `It was answered with ${status}.`
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`

/** Returns the request as a command line. */
export function asCurl(request: ApiRequest): string {
  const parts = ['curl -sS']
  if (request.method !== undefined && request.method !== 'GET') parts.push(`-X ${request.method}`)
  const { body, type } = bodyOf(request.body)
  if (tenant !== null) parts.push(`-H ${quoted(`X-Scope-OrgID: ${tenant}`)}`)
  if (type !== undefined && type !== 'application/x-www-form-urlencoded') parts.push(`-H ${quoted(`Content-Type: ${type}`)}`)
  if (body !== undefined) parts.push(`--data ${quoted(String(body))}`)
  parts.push(quoted(location.origin + request.path))
  return parts.join(' ')
}

/** Returns a path with parameters; those that are undefined or empty are left out. */
export function withParameters(path: string, parameters: Record<string, string | number | boolean | string[] | undefined>): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined || value === '') continue
    if (Array.isArray(value)) for (const item of value) search.append(name, item)
    else search.set(name, String(value))
  }
  const text = search.toString()
  return text === '' ? path : `${path}?${text}`
}
