// Where orders are in telemetry: services write log records with an order's id, and those bear the trace.
import { sqlText, sqlTime } from '../../data/sql'
import type { Order } from './api'

/** What is looked at before an order was placed: its purchase began then. */
const BEFORE_MS = 60e3

/** Returns a statement for the log records of some orders, the first first; null where there are none. */
export function recordsOf(orders: Pick<Order, 'id' | 'placed_at'>[]): string | null {
  if (orders.length === 0) return null
  const since = Math.min(...orders.map(({ placed_at }) => Date.parse(placed_at))) - BEFORE_MS
  const ids = orders.map(({ id }) => sqlText(id)).join(', ')
  return `SELECT time, service, severity_text, body, trace_id, attr(attributes, 'order_id') AS order_id\nFROM logs\nWHERE attr(attributes, 'order_id') IN (${ids}) AND time >= ${sqlTime(since)}\nORDER BY time LIMIT 1000`
}

export interface OrderRecord {
  time: string
  service: string
  severity_text: string
  body: string
  trace_id: string | null
  order_id: string
}
