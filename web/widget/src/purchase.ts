// What the frame asks of the shop, step by step.
import type { Offer } from './offer'
import { refuse, Refused, type InputError, type Shop } from './shop'

/** What the server writes into the frame's document. */
export interface Start {
  offer: Offer
  /** The promoter's key. */
  key: string
  /** The page around the frame: messages go there, and are taken from there alone. */
  origin: string
  quantity: number
  currency: string
  countries: string[]
}

export interface Address {
  recipient: string
  line1: string
  line2: string
  city: string
  postalCode: string
  country: string
}

export interface Me {
  displayName: string
  addresses: { id: string; label: string; address: Address }[]
}

interface Price {
  text: string
}

export interface Quote {
  id: string
  lines: { productId: string; name: string; quantity: number; total: Price }[]
  subtotal: Price
  shipping: Price
  total: Price & { amount: string; currency: string }
}

export interface Card {
  number: string
  expiryMonth: number
  expiryYear: number
  cvv: string
}

export interface Placed {
  id: string
  total: Price
}

/** What a bank asks before it pays. */
export interface Challenge {
  id: string
  state: 'WAITING' | 'PASSED' | 'REFUSED' | 'FAILED' | 'EXPIRED'
  triesLeft: number
  amount: Price
  orderId: string
}

const ADDRESS = 'recipient line1 line2 city postalCode country'
const ERRORS = 'errors { message field }'
const QUOTE = 'id lines { productId name quantity total { text } } subtotal { text } shipping { text } total { amount currency text }'
const CHALLENGE = 'id state triesLeft amount { text } orderId'

/** Puts so many into the cart, and nothing less or more of it. */
export async function choose(shop: Shop, product: string, quantity: number) {
  const { setCartQuantity } = await shop.ask<{ setCartQuantity: { guest: string | null; errors: InputError[] } }>(
    `mutation Choose($product: ID!, $quantity: Int!) { setCartQuantity(input: {productId: $product, quantity: $quantity}) { guest ${ERRORS} } }`,
    { product, quantity },
  )
  refuse(setCartQuantity.errors)
  if (setCartQuantity.guest) shop.guest = setCartQuantity.guest
}

export async function signUp(shop: Shop, displayName: string, email: string, password: string) {
  const { signUp } = await shop.ask<{ signUp: { errors: InputError[] } }>(
    `mutation SignUp($email: String!, $password: String!, $name: String!) {
      signUp(input: {email: $email, password: $password, displayName: $name}) { ${ERRORS} } }`,
    { email, password, name: displayName },
  )
  refuse(signUp.errors)
  await shop.signIn(email, password)
}

export async function whoAmI(shop: Shop): Promise<Me> {
  const { me } = await shop.ask<{ me: Me | null }>(`query Me { me { displayName addresses { id label address { ${ADDRESS} } } } }`)
  if (me === null) throw new Refused({ message: 'that account is for selling, and cannot buy' })
  return me
}

/** Keeps an address. Returns its id. */
export async function keep(shop: Shop, address: Address): Promise<string> {
  const { addAddress } = await shop.ask<{ addAddress: { customer: Me | null; errors: InputError[] } }>(
    `mutation Keep($address: AddressInput!) { addAddress(input: {address: $address}) { customer { addresses { id } } ${ERRORS} } }`,
    { address },
  )
  refuse(addAddress.errors)
  // The newest stands last.
  return addAddress.customer?.addresses.at(-1)?.id ?? ''
}

type Answer<Kind extends string, Fields> = { kind: Kind } & Fields
type Refusal = Answer<'Refusal', InputError>

export async function quote(shop: Shop, address: string, currency: string): Promise<Quote> {
  const { quote } = await shop.ask<{ quote: Answer<'Quote', Quote> | Refusal }>(
    `query Quote($address: ID!, $currency: CurrencyCode) { quote(input: {destination: {savedAddressId: $address}, currency: $currency}) {
      kind: __typename
      ... on Quote { ${QUOTE} }
      ... on Refusal { message field } } }`,
    { address, currency },
  )
  if (quote.kind === 'Refusal') throw new Refused(quote)
  return quote
}

export interface Purchase {
  idempotencyKey: string
  address: string
  quote: Quote
  card: Card
}

type Outcome = Answer<'Order', Placed> | Answer<'PaymentChallenge', Challenge> | Answer<'PriceChanged', { message: string; now: Quote | null }>

/** Buys what was quoted, for no more. The same key is one order, however often it is sent. */
export async function place(shop: Shop, { idempotencyKey, address, quote, card }: Purchase): Promise<Outcome> {
  const { amount, currency } = quote.total
  const input = { idempotencyKey, destination: { savedAddressId: address }, payment: { card }, maxTotal: { amount, currency }, quoteId: quote.id }
  const { placeOrder } = await shop.ask<{ placeOrder: Outcome | Refusal }>(
    `mutation Place($input: PlaceOrderInput!) { placeOrder(input: $input) { kind: __typename
      ... on Order { id total { text } }
      ... on PaymentChallenge { ${CHALLENGE} }
      ... on PriceChanged { message now { ${QUOTE} } }
      ... on Refusal { message field } } }`,
    { input },
  )
  if (placeOrder.kind === 'Refusal') throw new Refused(placeOrder, true)
  return placeOrder
}

/** Sends the bank its code, or refuses with none. Returns what became of it. */
export async function answerBank(shop: Shop, id: string, code: string | null): Promise<Challenge> {
  const input = code === null ? { id, refuse: true } : { id, code }
  const { completePaymentChallenge } = await shop.ask<{ completePaymentChallenge: { challenge: Challenge | null; errors: InputError[] } }>(
    `mutation Answer($input: CompletePaymentChallengeInput!) { completePaymentChallenge(input: $input) { challenge { ${CHALLENGE} } ${ERRORS} } }`,
    { input },
  )
  const { challenge, errors } = completePaymentChallenge
  // One that is over says itself how it ended.
  if (challenge === null || challenge.state === 'WAITING') refuse(errors)
  if (challenge === null) throw new Refused({ message: 'the bank did not answer: try again' })
  return challenge
}

/** Reads `08/29` or `8 / 2029`. */
export function readExpiry(text: string): { expiryMonth: number; expiryYear: number } {
  const [, month, year] = /^\s*(\d{1,2})\s*\/\s*(\d{2}|\d{4})\s*$/.exec(text) ?? []
  if (!month || !year) throw new Refused({ message: 'a month and a year, as on the card: 08/29', field: 'expiry' })
  return { expiryMonth: Number(month), expiryYear: year.length === 2 ? 2000 + Number(year) : Number(year) }
}
