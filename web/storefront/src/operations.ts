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
const CARD = 'token scheme last4'
const ADDRESS = 'recipient line1 line2 city postalCode country'

/** What stands around every page. */
export interface ShopData {
  categories: { slug: string; name: string }[]
  announcement: string | null
  currencies: { items: { code: string; name: string }[] }
  countries: string[]
}
export const Shop = operation<ShopData>(
  'Shop',
  'query Shop { categories { slug name } announcement currencies { items { code name } } countries }',
)

export interface AdsData {
  ads: { id: string; text: string; href: string }[]
}
const AD = '{ id text href }'
/** Apart from the pages, so that they stand without advertisements; as many as the shop shows. */
export const Ads = operation<AdsData>('Ads', `query Ads { ads ${AD} }`)
export const AdsOfCategory = operation<AdsData>('AdsOfCategory', `query AdsOfCategory($slug: String!) { ads(context: [$slug]) ${AD} }`)
export const AdsOfProduct = operation<AdsData>('AdsOfProduct', `query AdsOfProduct($id: ID!) { ads(productId: $id) ${AD} }`)

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
  `query CategoryPage($slug: String!, $currency: CurrencyCode, $sort: ProductSort!, $available: Boolean!, $min: MoneyInput, $max: MoneyInput, $after: String) {
    category(slug: $slug) { slug name description productCount
      products(filter: {available: $available, minPrice: $min, maxPrice: $max}, sort: $sort, first: 24, after: $after) { ${LISTING} } }
  }`,
)

export interface Facet {
  category: { slug: string; name: string }
  count: number
}
export interface SearchData {
  products: Listing & { facets: { categories: Facet[]; minPrice: Price | null; maxPrice: Price | null } | null }
}
export const Search = operation<SearchData>(
  'Search',
  `query Search($words: String, $category: String, $currency: CurrencyCode, $sort: ProductSort!, $available: Boolean!, $min: MoneyInput, $max: MoneyInput, $after: String) {
    products(query: $words, filter: {category: $category, available: $available, minPrice: $min, maxPrice: $max}, sort: $sort, first: 24, after: $after) {
      ${LISTING} facets { categories { category { slug name } count } minPrice(in: $currency) { text } maxPrice(in: $currency) { text } } }
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
    recommendations: { product: Tile }[]
  }
}
export const Cart = operation<CartData>(
  'Cart',
  `query Cart($currency: CurrencyCode) {
    cart { lines { product { ${TILE} } quantity unitPrice(in: $currency) { text } total(in: $currency) { text } }
      totalQuantity subtotal(in: $currency) { text } isGuest problems { productId message }
      recommendations(first: 4) { product { ${TILE} } } }
  }`,
)

export interface PromoterData {
  promoter: { id: string; products: Listing } | null
}
export const PromoterPage = operation<PromoterData>(
  'PromoterPage',
  `query PromoterPage($id: ID!, $currency: CurrencyCode, $sort: ProductSort!, $after: String) {
    promoter(id: $id) { id products(sort: $sort, first: 24, after: $after) { ${LISTING} } }
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
/** A card that is kept: all that the shop knows of its number is four digits. */
export interface KeptCard {
  token: string
  scheme: string
  last4: string
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
  me: { addresses: SavedAddress[]; cards: KeptCard[] } | null
  quote:
    | { kind: 'Quote'; id: string; lines: OrderLine[]; subtotal: Price; shipping: Price; total: Money }
    | { kind: 'Refusal'; code: string; message: string }
}
export const Pay = operation<PayData>(
  'Pay',
  `query Pay($address: ID!, $currency: CurrencyCode) {
    me { addresses { id label address { ${ADDRESS} } } cards { ${CARD} } }
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
    cards: KeptCard[]
    orders: {
      nodes: { id: string; state: OrderState; placedAt: string; total: Price; lines: OrderLine[] }[]
      pageInfo: PageInfo
    }
  } | null
  countries: string[]
}
export const Account = operation<AccountData>(
  'Account',
  `query Account($after: String) {
    countries
    me { displayName email addresses { id label address { ${ADDRESS} } } cards { ${CARD} }
      orders(first: 10, after: $after) { nodes { id state placedAt total { text } lines { ${LINE} } } pageInfo { hasNextPage endCursor } } }
  }`,
)

export interface PromoterKey {
  id: string
  name: string
  origins: string[]
  createdAt: string
}
export const PromoterKeys = operation<{ promoterKeys: PromoterKey[] } | null>(
  'PromoterKeys',
  'query PromoterKeys { promoterKeys { id name origins createdAt } }',
)

/** What a letter is about; the storefront shows it as a sign. */
export type LetterKind = 'receipt' | 'shipped' | 'cancelled' | 'refunded'
export interface LetterHead {
  id: string
  subject: string
  template: LetterKind
  createdAt: string
}
export interface MailboxData {
  me: { email: string; letters: { nodes: LetterHead[]; pageInfo: PageInfo } } | null
}
const LETTER = 'id subject template createdAt'
export const Mailbox = operation<MailboxData>(
  'Mailbox',
  `query Mailbox($after: String) {
    me { email letters(first: 20, after: $after) { nodes { ${LETTER} } pageInfo { hasNextPage endCursor } } }
  }`,
)

export interface LetterData {
  /** Without an id where it is something else than a letter. */
  letter: (LetterHead & { text: string | null; order: { id: string; lines: OrderLine[] } | null }) | { id?: undefined } | null
}
export const Letter = operation<LetterData>(
  'Letter',
  `query Letter($id: ID!) { letter: node(id: $id) { ... on Letter { ${LETTER} text order { id lines { ${LINE} } } } } }`,
)
