// A category, and what a search found: a heading, how it is sorted and narrowed, and the pieces.
import { useData } from '@vitrine/kit/src/data'
import type { ReactNode } from 'react'
import { AdsOfCategory, CategoryPage, type Facet, type Listing as ListingData, type Price, Search as SearchOperation, Shop } from '../operations'
import { address, type Parameters, usePage } from '../page'
import { ButtonLink } from '../parts/controls'
import { Ads } from '../parts/ads'
import { PriceFilter } from '../parts/price-filter'
import { Tiles } from '../parts/tile'
import { NotFound } from './not-found'
import styles from './listing.module.css'

const SORT_NAMES = [
  ['RELEVANCE', 'Our order'],
  ['STARTS_AT', 'Soonest'],
  ['NEWEST', 'Newest'],
  ['PRICE_ASC', 'Price, low to high'],
  ['PRICE_DESC', 'Price, high to low'],
] as const

export function Category() {
  const page = usePage()
  const { category } = useData(CategoryPage)
  if (category === null) return <NotFound />
  return (
    <>
      <header className={styles.head}>
        <h1>{category.name}</h1>
        <p className={styles.lead}>{category.description}</p>
      </header>
      <Tools count={isNarrowed(page.query) ? null : category.productCount} listing={category.products} />
      <Results listing={category.products} within={category.slug} empty={isNarrowed(page.query) ? 'Nothing here is like that. Widen the price, or take away what narrows the list.' : 'Nothing here can be had just now.'} />
      <Ads from={AdsOfCategory} />
    </>
  )
}

export function Search() {
  const page = usePage()
  const { products } = useData(SearchOperation)
  const words = page.query.q?.trim()
  // Without words nothing is counted, and each category can be chosen.
  const everything = (useData(Shop)?.categories ?? []).map((category) => ({ category, count: null }))
  return (
    <>
      <header className={styles.head}>
        <h1>{words ? <>“{words}”</> : 'Every piece'}</h1>
      </header>
      <Tools count={products.totalCount} listing={products} least={products.facets?.minPrice} most={products.facets?.maxPrice}>
        <Facets facets={products.facets?.categories ?? everything} />
      </Tools>
      <Results
        listing={products}
        empty={words ? 'Nothing of that name is here. Try a colour, a shape or a use: “blue”, “bowl”, “gift”.' : 'Nothing can be had just now.'}
      />
    </>
  )
}

/** Whether something is left out of the list. */
function isNarrowed(query: Record<string, string>): boolean {
  return ['available', 'min', 'max'].some((name) => query[name])
}

/** The address of this list with other parameters, from its beginning. */
function useHere(): (parameters: Parameters) => string {
  const page = usePage()
  return (parameters) => address(page, page.path, { ...page.query, after: null, ...parameters })
}

interface ToolsProps {
  count: number | null
  listing: ListingData
  /** Prices of the cheapest and the dearest that was found. */
  least?: Price | null
  most?: Price | null
  /** Whether it can be narrowed, and not only sorted. */
  narrows?: boolean
  children?: ReactNode
}

export function Tools({ count, listing, least, most, narrows = true, children }: ToolsProps) {
  const page = usePage()
  const here = useHere()
  const chosen = page.query.sort ?? 'RELEVANCE'
  const isAvailable = page.query.available === 'yes'
  // What has no beginning is not sorted by it.
  const hasEvents = listing.nodes.some((tile) => tile.event !== null)
  const sorts = SORT_NAMES.filter(([sort]) => sort !== 'STARTS_AT' || hasEvents)
  return (
    <div className={styles.tools}>
      <p className={styles.count}>{count !== null && (count === 1 ? '1 piece' : `${count} pieces`)}</p>
      {children}
      {narrows && (
        <>
          <a className={styles.chip} href={here({ available: isAvailable ? null : 'yes' })} aria-current={isAvailable || undefined} rel="nofollow">
            Can be had now
          </a>
          <PriceFilter least={least} most={most} here={here} />
        </>
      )}
      <nav className={styles.sort} aria-label="Sorted by">
        {sorts.map(([sort, name]) => (
          <a key={sort} href={here({ sort: sort === 'RELEVANCE' ? null : sort })} aria-current={sort === chosen || undefined} rel="nofollow">
            {name}
          </a>
        ))}
      </nav>
    </div>
  )
}

function Facets({ facets }: { facets: (Omit<Facet, 'count'> & { count: number | null })[] }) {
  const page = usePage()
  const here = useHere()
  return (
    <nav className={styles.facets} aria-label="By category">
      {facets.map(({ category, count }) => {
        const isChosen = page.query.category === category.slug
        return (
          <a
            key={category.slug}
            className={styles.chip}
            href={here({ category: isChosen ? null : category.slug })}
            aria-current={isChosen || undefined}
            rel="nofollow"
          >
            {category.name} {count !== null && <span>{count}</span>}
          </a>
        )
      })}
    </nav>
  )
}

export function Results({ listing, empty, within }: { listing: ListingData; empty: string; within?: string }) {
  const page = usePage()
  const { nodes, pageInfo } = listing
  return (
    <>
      {nodes.length > 0 ? <Tiles tiles={nodes} eager={8} heading="h2" within={within} /> : <p className={styles.empty}>{empty}</p>}
      {(pageInfo.hasNextPage || page.query.after) && (
        <nav className={styles.pages} aria-label="Pages">
          {page.query.after && (
            <ButtonLink quiet href={address(page, page.path, { ...page.query, after: null })}>
              To the beginning
            </ButtonLink>
          )}
          {pageInfo.hasNextPage && (
            <ButtonLink quiet href={address(page, page.path, { ...page.query, after: pageInfo.endCursor })} rel="next">
              More pieces
            </ButtonLink>
          )}
        </nav>
      )}
    </>
  )
}
