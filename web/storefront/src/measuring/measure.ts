// Tells the shop's own analytics what a visitor does, in Segment's form, once they have agreed; until that is known, and after a no, nothing leaves the page.

import { serverTiming } from '../telemetry'

/** What the page sends its messages with. */
export interface Measured {
  writeKey: string
  anonymousId: string
  sessionId: string
}

interface Message {
  type: 'page' | 'track'
  messageId: string
  timestamp: string
  name?: string
  event?: string
  properties: Record<string, unknown>
}

/** How long messages wait for others, in milliseconds. */
const WAIT_MS = 1_000
/** Most messages that wait; beyond, none is added. */
const MOST = 50

let measured: Measured | null = null
let decided = false
let waiting: Message[] = []
let timer: ReturnType<typeof setTimeout> | undefined

function add(message: Omit<Message, 'messageId' | 'timestamp'>): void {
  if ((decided && measured === null) || waiting.length >= MOST) return
  waiting.push({ ...message, messageId: newId(), timestamp: new Date().toISOString() })
  if (measured !== null) later()
}

function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function later(): void {
  timer ??= setTimeout(flush, WAIT_MS)
}

/** Sends what waits; also when the page goes, which `keepalive` outlives. */
export function flush(): void {
  clearTimeout(timer)
  timer = undefined
  if (measured === null || waiting.length === 0) return
  const { writeKey, anonymousId, sessionId } = measured
  const context = {
    sessionId,
    // That in which the shop drew the page.
    traceId: serverTiming('trace'),
    locale: navigator.language,
    page: { path: location.pathname, title: document.title },
    consent: { categoryPreferences: { analytics: true } },
    library: { name: 'vitrine-storefront', version: '1' },
  }
  const batch = waiting.map((message) => ({ ...message, anonymousId }))
  waiting = []
  const body = JSON.stringify({ writeKey, batch, context, sentAt: new Date().toISOString() })
  // Measuring is never worth an error on the page.
  fetch('/v1/batch', { method: 'POST', body, keepalive: true, headers: { 'content-type': 'text/plain' } }).catch(() => {})
}

/** Says whether the visitor agreed, and with what messages are sent then. */
export function decide(found: Measured | null): void {
  decided = true
  measured = found
  if (found === null) waiting = []
  else if (waiting.length > 0) later()
}

export function pageSeen(name: string): void {
  add({ type: 'page', name, properties: { path: location.pathname, title: document.title } })
}

export function track(event: string, properties: Record<string, unknown>): void {
  add({ type: 'track', event, properties })
}
