// Tells the shop how the page came up, how it was to use, what it asked for and what went wrong in it: spans as OTLP/JSON, in the trace that the
// page's own request began. The server names its span in `Server-Timing`; where it names none, nothing is told. Nothing that someone typed is
// in it: of addresses only the path, which the server makes the name of a route, and of errors only their class and place.

const PATH = '/telemetry/v1/traces'
/** Spans are sent this long after the first one waits, in milliseconds. */
const PAUSE_MS = 1000
/** Most spans that a page tells. */
const MOST = 60
/** Interactions that are kept to find the slow ones, and how many of them stand for one slow one that does not count. */
const SLOWEST = 10
const INTERACTIONS_PER_OUTLIER = 50
/** Shifts of the layout are one, if they follow each other by so much and last no longer than that, in milliseconds. */
const SHIFT_GAP_MS = 1000
const SHIFT_WINDOW_MS = 5000

const INTERNAL = 1
const CLIENT = 3

/** A number that is not sent as a whole one. */
interface Decimal {
  doubleValue: number
}
type Attributes = Record<string, string | number | Decimal | undefined>

interface Layout extends PerformanceEntry {
  value: number
  hadRecentInput: boolean
}
interface Interaction extends PerformanceEntry {
  interactionId?: number
}

let page: { trace: string; server: string; load: string } | null = null
let waiting: object[] = []
let told = 0
let timer: ReturnType<typeof setTimeout> | undefined
const ask = globalThis.fetch

/** How this page came. */
function navigationTiming(): PerformanceNavigationTiming | undefined {
  return performance.getEntriesByType('navigation')[0] as PerformanceNavigationTiming | undefined
}

/** What the server said of this page by a name; none where it said nothing. */
export function serverTiming(name: string): string | undefined {
  return navigationTiming()?.serverTiming?.find((timing) => timing.name === name)?.description
}

/** Begins to tell of this page. */
export function watch(): void {
  const navigation = navigationTiming()
  const [, trace, server] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/.exec(serverTiming('traceparent') ?? '') ?? []
  if (navigation === undefined || trace === undefined || server === undefined) return
  page = { trace, server, load: id() }
  globalThis.fetch = toldFetch
  addEventListener('error', ({ error, filename, lineno, colno }) => wentWrong(error, filename, lineno, colno))
  addEventListener('unhandledrejection', ({ reason }) => wentWrong(reason))
  const vitals = watchVitals()
  const loaded = () => {
    const attributes: Attributes = {
      'http.response.status_code': navigation.responseStatus || undefined,
      'vitrine.page.cache': serverTiming('cache'),
      'vitrine.page.navigation': navigation.type,
      'vitrine.web_vital.ttfb': decimal(navigation.responseStart),
      'vitrine.web_vital.fcp': decimal(performance.getEntriesByName('first-contentful-paint')[0]?.startTime),
    }
    tell('documentLoad', INTERNAL, 0, navigation.loadEventEnd || performance.now(), attributes, page?.load)
  }
  // The event's own end is known after it.
  if (document.readyState === 'complete') loaded()
  else addEventListener('load', () => setTimeout(loaded))
  let isSeen = true
  const leave = () => {
    if (isSeen) tell('pageView', INTERNAL, 0, performance.now(), vitals())
    isSeen = false
    send()
  }
  document.addEventListener('visibilitychange', () => document.visibilityState === 'hidden' && leave())
  // Not every browser says that a page is hidden when it is left for another.
  addEventListener('pagehide', leave)
}

/** Returns a function that says how the page was so far: largest paint, shifts of the layout, the slowest answer to a hand. */
function watchVitals(): () => Attributes {
  let paint: number | undefined
  let shift = 0
  let [sum, began, last] = [0, 0, 0]
  let interactions = 0
  const slowest: { id: number; duration: number }[] = []
  observe('largest-contentful-paint', (entry) => {
    paint = entry.startTime
  })
  observe('layout-shift', (entry) => {
    const { value, hadRecentInput, startTime } = entry as Layout
    if (hadRecentInput) return
    const isSame = startTime - last < SHIFT_GAP_MS && startTime - began < SHIFT_WINDOW_MS
    if (!isSame) [sum, began] = [0, startTime]
    sum += value
    last = startTime
    shift = Math.max(shift, sum)
  })
  observe('event', (entry) => {
    const { interactionId, duration } = entry as Interaction
    if (!interactionId) return
    const known = slowest.find((one) => one.id === interactionId)
    if (known) known.duration = Math.max(known.duration, duration)
    else {
      interactions += 1
      slowest.push({ id: interactionId, duration })
    }
    slowest.sort((a, b) => b.duration - a.duration)
    slowest.length = Math.min(slowest.length, SLOWEST)
  })
  return () => ({
    'vitrine.web_vital.lcp': decimal(paint),
    'vitrine.web_vital.cls': decimal(shift),
    'vitrine.web_vital.inp': decimal(slowest[Math.min(Math.floor(interactions / INTERACTIONS_PER_OUTLIER), slowest.length - 1)]?.duration),
  })
}

function observe(type: string, see: (entry: PerformanceEntry) => void): void {
  // What a browser does not know is not told.
  if (!PerformanceObserver.supportedEntryTypes.includes(type)) return
  const options: PerformanceObserverInit & { durationThreshold: number } = { type, buffered: true, durationThreshold: 16 }
  new PerformanceObserver((list) => list.getEntries().forEach(see)).observe(options)
}

/** `fetch` that has the server go on with this page's trace. */
async function toldFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const request = input instanceof Request ? input : undefined
  const url = new URL(request?.url ?? String(input), location.href)
  if (page === null || url.origin !== location.origin || url.pathname === PATH) return ask(input, init)
  const [span, began] = [id(), performance.now()]
  const headers = new Headers(init?.headers ?? request?.headers)
  headers.set('traceparent', `00-${page.trace}-${span}-01`)
  const attributes: Attributes = { 'http.request.method': init?.method ?? request?.method ?? 'GET' }
  try {
    const response = await ask(input, { ...init, headers })
    attributes['http.response.status_code'] = response.status
    return response
  } catch (error) {
    attributes['error.type'] = nameOf(error)
    throw error
  } finally {
    // What was given up on purpose did not fail.
    if (attributes['error.type'] !== 'AbortError') tell('fetch', CLIENT, began, performance.now(), attributes, span, url.pathname)
  }
}

function wentWrong(error: unknown, file = '', line = 0, column = 0): void {
  const type = nameOf(error)
  const place = file ? { 'code.file.path': new URL(file, location.href).pathname, 'code.line.number': line, 'code.column.number': column } : {}
  const now = performance.now()
  tell('exception', INTERNAL, now, now, { 'error.type': type, 'exception.type': type, ...place })
}

function nameOf(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : 'Error'
}

function decimal(number: number | undefined): Decimal | undefined {
  return number === undefined ? undefined : { doubleValue: number }
}

function tell(name: string, kind: number, from: number, to: number, attributes: Attributes, spanId = id(), path = location.pathname): void {
  if (page === null || told >= MOST) return
  told += 1
  const all = Object.entries({ 'url.path': path, ...attributes }).filter(([, value]) => value !== undefined)
  waiting.push({
    traceId: page.trace,
    spanId,
    parentSpanId: spanId === page.load ? page.server : page.load,
    name,
    kind,
    startTimeUnixNano: nanos(from),
    endTimeUnixNano: nanos(to),
    attributes: all.map(([key, value]) => ({ key, value: valueOf(value) })),
  })
  timer ??= setTimeout(send, PAUSE_MS)
}

function valueOf(value: Attributes[string]): object {
  if (typeof value === 'object') return value
  return typeof value === 'number' ? { intValue: `${value}` } : { stringValue: value }
}

/** A moment of this page, in nanoseconds since 1970, as text: there are more of them than numbers can tell apart. */
function nanos(at: number): string {
  return `${Math.round((performance.timeOrigin + at) * 1000)}000`
}

function id(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function send(): void {
  clearTimeout(timer)
  timer = undefined
  if (waiting.length === 0) return
  const body = JSON.stringify({
    resourceSpans: [{ resource: { attributes: [] }, scopeSpans: [{ scope: { name: 'storefront' }, spans: waiting }] }],
  })
  waiting = []
  const headers = { 'content-type': 'application/json', 'vitrine-sent-at': String(Date.now()) }
  // It goes on when the page does not. What cannot be told is not missed.
  ask(PATH, { method: 'POST', body, headers, keepalive: true }).catch(() => {})
}
