// What is sold by a widget, as the shop says it to the element and to its frame.
export interface Offer {
  id: string
  name: string
  /** The page of the product in the shop. */
  href: string
  /** The price of one, for people. */
  price: string
  /** How many can be had. */
  available: number
  kind: 'GOODS' | 'EVENT'
  /** When and where, for people; null of goods. */
  event: string | null
  picture: string
}

/** Returns how many can be had, in words. */
export function stock({ available, kind }: Pick<Offer, 'available' | 'kind'>): string {
  const isEvent = kind === 'EVENT'
  if (available === 0) return isEvent ? 'No seats left' : 'Sold out'
  if (available === 1) return isEvent ? 'The last seat' : 'The last one'
  if (available <= 5) return `Only ${available}${isEvent ? ' seats' : ''} left`
  return isEvent ? 'Seats are free' : 'In stock'
}
