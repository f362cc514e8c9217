// The shop's REST API as its back office needs it.
import { type ApiRequest, withParameters } from '../../data/http'
import { shopPath } from '../../data/session'
import { type Reading, type ReadingOptions, useApi } from '../../data/use-api'

export interface Money {
  amount: string
  currency: string
}

export interface Page<Item> {
  items: Item[]
  next_cursor: string | null
}

export interface Product {
  id: string
  kind: 'goods' | 'event'
  name: string
  description: string
  category: string
  tags: string[]
  price: Money
  weight_g: number
  available: number
  sold: number
  event: { starts_at: string; duration_min: number; venue: string } | null
  promoter_id: string | null
  picture: string
}

export type OrderState = 'placed' | 'paid' | 'shipped' | 'delivered' | 'cancelled' | 'refunded'

export interface Order {
  id: string
  customer_id: string
  state: OrderState
  lines: { product_id: string; name: string; quantity: number; unit_price: Money; total: Money }[]
  subtotal: Money
  shipping: Money
  total: Money
  address: { recipient: string; line1: string; line2: string; city: string; postal_code: string; country: string }
  payment_id: string
  shipment_id: string
  history: { state: OrderState; at: string; reason: string }[]
  placed_at: string
}

export interface Payment {
  id: string
  state: string
  amount: Money
  captured: Money
  refunded: Money
  scheme: string
  last4: string
  reference: string
  created_at: string
}

export interface Transaction {
  id: string
  order_id: string
  kind: string
  entries: { account: string; amount: Money }[]
  at: string
}

export interface Assessment {
  order_id: string
  customer_id: string
  score: number
  verdict: string
  findings: { rule: string; points: number; explanation: string }[]
  at: string
}

interface Destination {
  kind: string
  url: string
  measurement_id: string
  takes_emails: boolean
  consent_categories: string[]
}

export interface Source {
  id: string
  owner_id: string
  name: string
  write_key: string
  needs_consent: boolean
  destinations: Destination[]
  created_at: string
}

type Parameters = Record<string, string | number | boolean | undefined>

/** Returns the request for what the shop is asked. */
export function shopRequest(path: string, parameters: Parameters = {}): ApiRequest {
  const said = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== false) as [string, string | number | boolean][]
  return { path: withParameters(shopPath(`/api/v1/${path}`), Object.fromEntries(said)) }
}

/** Reads from the shop. */
export function useShop<Data>(path: string | null, parameters: Parameters = {}, options?: ReadingOptions): Reading<Data> {
  return useApi<Data>(path === null ? null : shopRequest(path, parameters), options)
}

/** Returns the request that changes something in the shop. */
export const shopChange = (method: ApiRequest['method'], path: string, body?: unknown, headers?: Record<string, string>): ApiRequest => ({ method, path: shopPath(`/api/v1/${path}`), body, headers })

/** Returns an amount with its thousands apart: "1,234.50". */
export const grouped = (amount: string) => amount.replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ',')

/** Returns "12.50 EUR". */
export const money = ({ amount, currency }: Money) => `${grouped(amount)} ${currency}`

/** The categories, as the shop's API has them. */
export interface Category {
  slug: string
  name: string
  product_count: number
}

export const useCategories = () => useShop<{ items: Category[] }>('categories', {}, { staleMs: 300_000 })
