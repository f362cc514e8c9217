// What a page is drawn of, on the server and in the browser.
import type { Result } from '@vitrine/kit/src/data'
import { createContext, useContext } from 'react'
import type { PageName } from './routes'

/** Who looks at the page; pages that are the same for everyone come without. */
export interface Visitor {
  /** What a customer is called; null for who is not signed in. */
  name: string | null
  /** Pieces in the cart. */
  cart: number
  /** The country that parcels are sent to, where one was chosen. */
  country: string | null
}

/** What became of a form that is shown again. */
export interface Form {
  values: Record<string, string>
  message: string
  /** Of a refusal: why, for programs. */
  code: string | null
  field: string | null
}

export interface Assets {
  script: string
  /** Scripts that the first one asks for later. */
  later: string[]
  styles: string[]
  fonts: string[]
}

export interface PageInput {
  page: PageName
  /** The path and the query's parameters that the page knows. */
  path: string
  query: Record<string, string>
  /** The shop's address, without a slash at the end. */
  origin: string
  currency: string
  results: Result[]
  visitor: Visitor | null
  form: Form | null
  /** Made when a form opens, so that what is sent twice is done once. */
  idempotencyKey: string | null
  assets: Assets
}

/** Prices are in euros unless the address says otherwise. */
const USUAL_CURRENCY = 'EUR'

export const PageContext = createContext<PageInput | null>(null)

export function usePage(): PageInput {
  const page = useContext(PageContext)
  if (page === null) throw new Error('there is no page around this component')
  return page
}

/** Returns an address if it is a path of this site's, whatever a browser makes of it. */
export function ownPath(address: string | undefined): string | undefined {
  return address !== undefined && /^\/(?![/\\])[!-[\]-~]*$/.test(address) ? address : undefined
}

export type Parameters = Record<string, string | null | undefined>

/** Returns an address of the shop, with the currency that the reader has chosen. */
export function address(page: { currency: string }, path: string, parameters: Parameters = {}): string {
  const currency = page.currency === USUAL_CURRENCY ? null : page.currency
  const pairs = Object.entries({ ...parameters, currency }).filter(([, value]) => value)
  if (pairs.length === 0) return path
  return `${path}?${pairs.map(([name, value]) => `${name}=${encodeURIComponent(value ?? '')}`).join('&')}`
}
