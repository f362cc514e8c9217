// What keeps something from being bought, as people would say it.

/** By the code of a refusal; what is not among them is said in the shop's own words. */
const WORDS: Record<string, string> = {
  OUT_OF_STOCK: 'Someone was quicker: not all of it can be had any more. Nothing was charged.',
  PRICE_CHANGED: 'The price has changed since you looked. Nothing was charged; what it costs now is on the button.',
  PRODUCT_GONE: 'Something in your cart is not sold any more. Nothing was charged.',
  EVENT_OVER: 'That workshop has begun already. Nothing was charged.',
  CART_EMPTY: 'Your cart is empty.',
}

export function inWords(refusal: { code?: string | null; message: string }): string {
  return WORDS[refusal.code ?? ''] ?? refusal.message
}
