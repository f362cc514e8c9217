// The pages of the shop: where each is, and what it asks before it is drawn. The build writes this as `routes.json`, which the server reads.
import type { Operation } from '@vitrine/kit/src/data'
import {
  Account,
  Ads,
  AdsOfCategory,
  AdsOfProduct,
  Also,
  Cart,
  CategoryPage,
  Challenge,
  Checkout,
  Home,
  Letter,
  Mailbox,
  Order,
  Pay,
  Product,
  PromoterKeys,
  PromoterPage,
  Search,
  Shop,
} from './operations'

/** Where a variable's value comes from. */
export type Value =
  /** A part of the path, after a prefix. */
  | { path: string; prefix?: string }
  /** A parameter of the query; without it, or with a value that is not among those named, the default. */
  | { query: string; default: string | null; among?: readonly string[] }
  /** Whether a parameter of the query is `yes`. */
  | { flag: string }
  /** A parameter of the query that is an amount in the currency that prices are shown in; none without it. */
  | { amount: string }
  /** The currency that prices are shown in. */
  | { currency: true }

export interface Need {
  operation: string
  document: string
  variables: Record<string, Value>
  /** The page is drawn without it where it cannot be read. */
  optional: boolean
}

/** Who sees a page: the same for everyone; each visitor their own; customers only. */
export type Access = 'everyone' | 'visitor' | 'customer'

export interface Route {
  path: string
  page: PageName
  access: Access
  needs: Need[]
}

export type PageName =
  | 'home'
  | 'category'
  | 'search'
  | 'product'
  | 'cart'
  | 'sign-in'
  | 'sign-up'
  | 'checkout'
  | 'pay'
  | 'challenge'
  | 'account'
  | 'promoter-keys'
  | 'order'
  | 'mailbox'
  | 'letter'
  | 'promoter'
  | 'offline'
  | 'not-found'
  | 'sorry'

export const SORTS = ['RELEVANCE', 'PRICE_ASC', 'PRICE_DESC', 'NEWEST', 'STARTS_AT'] as const

const currency: Value = { currency: true }
const sort: Value = { query: 'sort', default: 'RELEVANCE', among: SORTS }
const available: Value = { flag: 'available' }
const min: Value = { amount: 'min' }
const max: Value = { amount: 'max' }
const after: Value = { query: 'after', default: null }

function need(operation: Operation<unknown>, variables: Record<string, Value> = {}, optional = false): Need {
  return { operation: operation.name, document: operation.document, variables, optional }
}

function page(path: string, name: PageName, access: Access, needs: Need[]): Route {
  return { path, page: name, access, needs: [need(Shop, {}, true), ...needs] }
}

export const routes: Route[] = [
  page('/', 'home', 'everyone', [need(Home, { currency }), need(Ads, {}, true)]),
  page('/c/{slug}', 'category', 'everyone', [
    need(CategoryPage, { slug: { path: 'slug' }, currency, sort, available, min, max, after }),
    need(AdsOfCategory, { slug: { path: 'slug' } }, true),
  ]),
  page('/search', 'search', 'everyone', [
    need(Search, {
      words: { query: 'q', default: null },
      category: { query: 'category', default: null },
      currency,
      sort,
      available,
      min,
      max,
      after,
    }),
  ]),
  page('/p/{slug}', 'product', 'everyone', [
    need(Product, { id: { path: 'slug', prefix: 'prd_' }, currency }),
    need(Also, { id: { path: 'slug', prefix: 'prd_' }, currency }, true),
    need(AdsOfProduct, { id: { path: 'slug', prefix: 'prd_' } }, true),
  ]),
  page('/promoters/{id}', 'promoter', 'everyone', [need(PromoterPage, { id: { path: 'id' }, currency, sort, after })]),
  page('/cart', 'cart', 'visitor', [need(Cart, { currency })]),
  page('/sign-in', 'sign-in', 'visitor', []),
  page('/sign-up', 'sign-up', 'visitor', []),
  page('/checkout', 'checkout', 'customer', [need(Checkout), need(Cart, { currency })]),
  page('/checkout/pay', 'pay', 'customer', [need(Pay, { address: { query: 'address', default: '' }, currency })]),
  page('/account', 'account', 'customer', [need(Account, { after })]),
  page('/account/keys', 'promoter-keys', 'customer', [need(PromoterKeys, {}, true)]),
  page('/mailbox', 'mailbox', 'customer', [need(Mailbox, { after })]),
  page('/mailbox/{id}', 'letter', 'customer', [need(Letter, { id: { path: 'id' } })]),
  page('/offline', 'offline', 'everyone', []),
  page('/orders/{id}', 'order', 'customer', [need(Order, { id: { path: 'id' } })]),
  // Nothing stands around it: it may be shown in a frame, to whoever knows its address.
  { path: '/challenge/{id}', page: 'challenge', access: 'visitor', needs: [need(Challenge, { id: { path: 'id' } })] },
]
