// Products that begin as someone types, asked of the shop's GraphQL by the browser itself: nothing about the reader goes along.
import type { Price } from './operations'

export interface Suggestion {
  slug: string
  name: string
  picture: string
  price: Price
}

export const SUGGESTIONS =
  'query Suggestions($words: String!, $currency: CurrencyCode) { suggestions(query: $words, first: 6) { slug name picture price(in: $currency) { text } } }'

export async function suggestions(words: string, currency: string, signal: AbortSignal): Promise<Suggestion[]> {
  const response = await fetch('/graphql', {
    method: 'POST',
    signal,
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify({ query: SUGGESTIONS, variables: { words, currency } }),
  })
  const answer = (await response.json()) as { data?: { suggestions: Suggestion[] } }
  return answer.data?.suggestions ?? []
}
