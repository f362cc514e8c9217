// Every question that a page asks the shop, as a GraphQL document with the type of what comes back.
import type { Operation } from '@vitrine/kit/src/data'

/** An amount as people read it. */
export interface Price {
  text: string
}
/** An amount that is reckoned with, too. */
export interface Money extends Price {
  amount: string
  currency: string
}
export interface Tile {
  id: string
  slug: string
  kind: 'GOODS' | 'EVENT'
  name: string
  available: number
  picture: string
  price: Price
  category: { slug: string; name: string }
  event: { startsAt: string; text: string; venue: string; seats: number; seatsLeft: number } | null
}
export interface Category {
  slug: string
  name: string
  description: string
  productCount: number
}
interface PageInfo {
  hasNextPage: boolean
  endCursor: string | null
}
export interface Listing {
  nodes: Tile[]
  pageInfo: PageInfo
  totalCount: number | null
}

const operation = <Data>(name: string, document: string): Operation<Data> => ({ name, document })

const MONEY = 'amount currency text'
const TILE = `id slug kind name available picture price(in: $currency) { text } category { slug name }
  event { startsAt text venue seats seatsLeft }`
const LISTING = `nodes { ${TILE} } pageInfo { hasNextPage endCursor } totalCount`
const LINE = 'productId name quantity unitPrice { text } total { text } product { slug picture kind }'
const ADDRESS = 'recipient line1 line2 city postalCode country'

/** What stands around every page. */
export interface ShopData {
  categories: { slug: string; name: string }[]
  announcement: string | null
  currencies: { items: { code: string; name: string }[] }
}
export const Shop = operation<ShopData>(
  'Shop',
  'query Shop { categories { slug name } announcement currencies { items { code name } } }',
)

export interface HomeData {
  picks: { nodes: Tile[] }
  workshops: { nodes: Tile[] }
  categories: (Category & { products: { nodes: { picture: string }[] } })[]
}
export const Home = operation<HomeData>(
  'Home',
  `query Home($currency: CurrencyCode) {
    picks: products(filter: {kind: GOODS, available: true}, first: 15) { nodes { ${TILE} } }
    workshops: products(filter: {kind: EVENT, available: true}, sort: STARTS_AT, first: 4) { nodes { ${TILE} } }
    categories { slug name description productCount products(first: 1) { nodes { picture } } }
  }`,
)

export interface CategoryData {
  category: (Category & { products: Listing }) | null
}
export const CategoryPage = operation<CategoryData>(
  'CategoryPage',
  `query CategoryPage($slug: String!, $currency: CurrencyCode, $sort: ProductSort!, $available: Boolean!, $after: String) {
    category(slug: $slug) { slug name description productCount
      products(filter: {available: $available}, sort: $sort, first: 24, after: $after) { ${LISTING} } }
  }`,
)

export interface Facet {
  category: { slug: string; name: string }
  count: number
}
export interface SearchData {
  products: Listing & { facets: { categories: Facet[] } | null }
}
export const Search = operation<SearchData>(
  'Search',
  `query Search($words: String, $category: String, $currency: CurrencyCode, $sort: ProductSort!, $available: Boolean!, $after: String) {
    products(query: $words, filter: {category: $category, available: $available}, sort: $sort, first: 24, after: $after) {
      ${LISTING} facets { categories { category { slug name } count } } }
  }`,
)

export interface ProductData {
  product:
    | (Omit<Tile, 'price'> & {
        price: Money
        description: string
        tags: string[]
        weightG: number
        sold: number
        promoter: { id: string } | null
        event: (NonNullable<Tile['event']> & { endsAt: string }) | null
      })
    | null
}
export const Product = operation<ProductData>(
  'Product',
  `query Product($id: ID!, $currency: CurrencyCode) {
    product(id: $id) { ${TILE} description tags weightG sold promoter { id } price(in: $currency) { ${MONEY} } event { endsAt } }
  }`,
)
export interface AlsoData {
  recommendations: { product: Tile }[]
}
/** Apart from the product, so that the page stands when nothing can be recommended. */
export const Also = operation<AlsoData>(
  'Also',
  `query Also($id: ID!, $currency: CurrencyCode) { recommendations(productIds: [$id], first: 4) { product { ${TILE} } } }`,
)

export interface CartLine {
  product: Tile
  quantity: number
  unitPrice: Price
  total: Price
}
export interface CartData {
  cart: {
    lines: CartLine[]
    totalQuantity: number
    subtotal: Price
    isGuest: boolean
    problems: { productId: string; message: string }[]
  }
}
export const Cart = operation<CartData>(
  'Cart',
  `query Cart($currency: CurrencyCode) {
    cart { lines { product { ${TILE} } quantity unitPrice(in: $currency) { text } total(in: $currency) { text } }
      totalQuantity subtotal(in: $currency) { text } isGuest problems { productId message } }
  }`,
)

export interface Address {
  recipient: string
  line1: string
  line2: string
  city: string
  postalCode: string
  country: string
}
export interface SavedAddress {
  id: string
  label: string
  address: Address
}
export interface CheckoutData {
  me: { displayName: string; addresses: SavedAddress[] } | null
  countries: string[]
}
export const Checkout = operation<CheckoutData>(
  'Checkout',
  `query Checkout { me { displayName addresses { id label address { ${ADDRESS} } } } countries }`,
)

export interface OrderLine {
  productId: string
  name: string
  quantity: number
  unitPrice: Price
  total: Price
  product: { slug: string; picture: string; kind: string } | null
}
export interface PayData {
  me: { addresses: SavedAddress[] } | null
  quote:
    | { kind: 'Quote'; id: string; lines: OrderLine[]; subtotal: Price; shipping: Price; total: Money }
    | { kind: 'Refusal'; code: string; message: string }
}
export const Pay = operation<PayData>(
  'Pay',
  `query Pay($address: ID!, $currency: CurrencyCode) {
    me { addresses { id label address { ${ADDRESS} } } }
    quote(input: {destination: {savedAddressId: $address}, currency: $currency}) { kind: __typename
      ... on Quote { id lines { ${LINE} } subtotal { text } shipping { text } total { ${MONEY} } }
      ... on Refusal { code message } }
  }`,
)

export interface ChallengeData {
  paymentChallenge: {
    state: 'WAITING' | 'PASSED' | 'REFUSED' | 'FAILED' | 'EXPIRED'
    triesLeft: number
    amount: Price
  } | null
}
export const Challenge = operation<ChallengeData>(
  'Challenge',
  'query Challenge($id: ID!) { paymentChallenge(id: $id) { state triesLeft amount { text } } }',
)

export type OrderState = 'PLACED' | 'PAID' | 'SHIPPED' | 'DELIVERED' | 'CANCELLED' | 'REFUNDED'
export interface OrderData {
  order: {
    id: string
    state: OrderState
    lines: OrderLine[]
    subtotal: Price
    shipping: Price
    total: Price
    address: Address
    placedAt: string
    history: { state: OrderState; at: string; reason: string }[]
    shipment: { trackingNumber: string; state: string; history: { state: string; at: string; place: string }[] } | null
  } | null
}
export const Order = operation<OrderData>(
  'Order',
  `query Order($id: ID!) {
    order(id: $id) { id state placedAt lines { ${LINE} } subtotal { text } shipping { text } total { text } address { ${ADDRESS} }
      history { state at reason } shipment { trackingNumber state history { state at place } } }
  }`,
)

export interface AccountData {
  me: {
    displayName: string
    email: string
    addresses: SavedAddress[]
    orders: {
      nodes: { id: string; state: OrderState; placedAt: string; total: Price; lines: OrderLine[] }[]
      pageInfo: PageInfo
    }
  } | null
}
export const Account = operation<AccountData>(
  'Account',
  `query Account($after: String) {
    me { displayName email addresses { id label address { ${ADDRESS} } }
      orders(first: 10, after: $after) { nodes { id state placedAt total { text } lines { ${LINE} } } pageInfo { hasNextPage endCursor } } }
  }`,
)
