// The head of each page: title, description, canonical address, Open Graph and structured data, all of the same results.
import type { Source } from '@vitrine/kit/src/data'
import { escape } from './html'
import {
  Cart,
  CategoryPage,
  type CategoryData,
  Challenge,
  type ChallengeData,
  Letter,
  type LetterData,
  Order,
  type OrderData,
  Product,
  type ProductData,
  PromoterPage,
  type PromoterData,
} from './operations'
import type { PageInput } from './page'

const SHOP = 'Vitrine'
const ABOUT = 'Vases, lamps, windows and workshops: a shop made of glass.'
/** Longest description, in characters: more is cut off where it is shown. */
const MAX_DESCRIPTION = 160

interface Head {
  title: string
  description?: string
  /** The path, where the page is for everyone. */
  canonical?: string
  image?: string
  kind?: 'website' | 'product'
  structured?: object[]
  status?: number
}

export function head(input: PageInput, source: Source): { status: number; html: string } {
  const page = of(input, source)
  const title = page.title === SHOP ? `${SHOP}, a shop made of glass` : `${page.title} · ${SHOP}`
  const description = (page.description ?? ABOUT).replace(/\s+/g, ' ').slice(0, MAX_DESCRIPTION)
  const tags = [`<title>${escape(title)}</title>`, `<meta name="description" content="${escape(description)}">`]
  tags.push('<link rel="icon" href="/icon.svg" type="image/svg+xml">', '<meta name="color-scheme" content="light dark">')
  const canonical = page.canonical
  if (canonical === undefined) {
    tags.push('<meta name="robots" content="noindex">')
  } else {
    const address = input.origin + canonical
    const properties: [string, string][] = [
      ['og:site_name', SHOP],
      ['og:title', title],
      ['og:description', description],
      ['og:type', page.kind ?? 'website'],
      ['og:url', address],
    ]
    if (page.image) properties.push(['og:image', input.origin + page.image])
    tags.push(`<link rel="canonical" href="${escape(address)}">`)
    tags.push(...properties.map(([name, value]) => `<meta property="${name}" content="${escape(value)}">`))
  }
  for (const data of page.structured ?? []) {
    const text = JSON.stringify({ '@context': 'https://schema.org', ...data }).replaceAll('<', '\\u003c')
    tags.push(`<script type="application/ld+json">${text}</script>`)
  }
  return { status: page.status ?? 200, html: tags.join('') }
}

function of(input: PageInput, source: Source): Head {
  const formStatus = input.form === null ? {} : { status: 422 }
  switch (input.page) {
    case 'home':
      return { title: SHOP, canonical: '/', structured: [website(input)] }
    case 'category': {
      const { category } = source.read(CategoryPage.name) as CategoryData
      if (category === null) return NOT_FOUND
      const canonical = `/c/${category.slug}`
      const structured = [trail(input, [[category.name, canonical]])]
      return { title: category.name, description: category.description, canonical, structured, image: category.products.nodes[0]?.picture }
    }
    case 'search':
      return { title: input.query.q ? `“${input.query.q}”` : 'Every piece', canonical: input.query.q ? undefined : '/search' }
    case 'product': {
      const { product } = source.read(Product.name) as ProductData
      return product === null ? NOT_FOUND : ofProduct(input, product)
    }
    case 'cart':
      return { title: source.read(Cart.name) ? 'Your cart' : SHOP, ...formStatus }
    case 'sign-in':
      return { title: 'Sign in', ...formStatus }
    case 'sign-up':
      return { title: 'Make an account', ...formStatus }
    case 'checkout':
      return { title: 'Where to', ...formStatus }
    case 'pay':
      return { title: 'Pay', ...formStatus }
    case 'challenge': {
      const { paymentChallenge } = source.read(Challenge.name) as ChallengeData
      return paymentChallenge === null ? NOT_FOUND : { title: 'Your bank asks', ...formStatus }
    }
    case 'account':
      return { title: 'Your account', ...formStatus }
    case 'promoter-keys':
      return { title: 'Widget keys', ...formStatus }
    case 'mailbox':
      return { title: 'Your mailbox' }
    case 'letter': {
      const { letter } = source.read(Letter.name) as LetterData
      return letter?.id === undefined ? NOT_FOUND : { title: letter.subject }
    }
    case 'promoter': {
      const { promoter } = source.read(PromoterPage.name) as PromoterData
      if (promoter === null || (promoter.products.nodes.length === 0 && !input.query.after)) return NOT_FOUND
      const canonical = `/promoters/${promoter.id}`
      const description = 'Pieces and workshops of a studio beside ours, in our window.'
      return { title: STUDIO, description, canonical, structured: [trail(input, [[STUDIO, canonical]])], image: promoter.products.nodes[0]?.picture }
    }
    case 'order': {
      const { order } = source.read(Order.name) as OrderData
      return order === null ? NOT_FOUND : { title: 'Your order', ...formStatus }
    }
    case 'offline':
      return { title: 'Not connected' }
    case 'not-found':
      return NOT_FOUND
    case 'sorry':
      return { title: 'Something broke', status: 503 }
  }
}

/** What one who sells beside the shop is called: the shop knows their id alone. */
const STUDIO = 'A studio beside ours'
const NOT_FOUND: Head = { title: 'Nothing here', status: 404 }

function website(input: PageInput): object {
  return {
    '@type': 'WebSite',
    name: SHOP,
    url: `${input.origin}/`,
    potentialAction: {
      '@type': 'SearchAction',
      target: { '@type': 'EntryPoint', urlTemplate: `${input.origin}/search?q={search_term_string}` },
      'query-input': 'required name=search_term_string',
    },
  }
}

function trail(input: PageInput, steps: [string, string][]): object {
  const items: [string, string][] = [['Shop', '/'], ...steps]
  return {
    '@type': 'BreadcrumbList',
    itemListElement: items.map(([name, path], at) => ({ '@type': 'ListItem', position: at + 1, name, item: input.origin + path })),
  }
}

function ofProduct(input: PageInput, product: NonNullable<ProductData['product']>): Head {
  const canonical = `/p/${product.slug}`
  const offer = {
    '@type': 'Offer',
    url: input.origin + canonical,
    price: product.price.amount,
    priceCurrency: product.price.currency,
    availability: `https://schema.org/${product.available > 0 ? 'InStock' : 'SoldOut'}`,
  }
  const { name, description } = product
  const image = input.origin + product.picture
  const thing = product.event
    ? {
        '@type': 'Event',
        name,
        description,
        image,
        startDate: product.event.startsAt,
        endDate: product.event.endsAt,
        eventAttendanceMode: 'https://schema.org/OfflineEventAttendanceMode',
        location: { '@type': 'Place', name: product.event.venue, address: product.event.venue },
        offers: offer,
      }
    : { '@type': 'Product', name, description, image, sku: product.id, category: product.category.name, offers: offer }
  const steps: [string, string][] = [
    [product.category.name, `/c/${product.category.slug}`],
    [name, canonical],
  ]
  return { title: name, description, canonical, image: product.picture, kind: 'product', structured: [thing, trail(input, steps)] }
}
