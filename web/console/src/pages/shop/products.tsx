// Products: found, looked at, changed and made.
import { Answer } from '../../parts/answer'
import { Badge, Button } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { Panel } from '../../parts/panel'
import { useKeys } from '../../keys'
import { flag, text, useParameters } from '../../router'
import { figures } from '../../format'
import { shopPath } from '../../data/session'
import { money, type Page, type Product, useCategories, useShop } from './api'
import { Filter, Find, NothingFits, PAGE_SIZE, Pager, ToTab } from './list'
import { NewProduct } from './new-product'
import { ProductDrawer } from './product-drawer'
import styles from './shop.module.css'

const FIELDS = { q: text(), category: text(), kind: text(), sort: text(), promoter_id: text(), available: flag(), cursor: text(), open: text() }
const SORTS: [string, string][] = [
  ['price_asc', 'Lowest price first'],
  ['price_desc', 'Highest price first'],
  ['newest', 'Newest first'],
  ['starts_at', 'Events to come'],
]
const KINDS: [string, string][] = [
  ['goods', 'Goods'],
  ['event', 'Events'],
]

export function Products({ may }: { may: boolean }) {
  const [{ q, category, kind, sort, promoter_id, available, cursor, open }, change] = useParameters(FIELDS)
  const filter = { category, kind, sort, promoter_id, available }
  const reading = useShop<Page<Product>>(q === '' ? 'products' : 'products/search', { q: q || undefined, ...filter, cursor, limit: PAGE_SIZE })
  const categories = useCategories().data?.items ?? []
  const anew = (parameters: Record<string, string | boolean | undefined>) => change({ ...parameters, cursor: undefined, open: undefined })
  useKeys('Products', [
    { keys: '/', does: 'Search products', run: () => document.getElementById('product-search')?.focus() },
    ...(may ? [{ keys: 'n', does: 'Make a new product', run: () => change({ open: 'new' }) }] : []),
  ])
  return (
    <>
      <Panel
        title="Products"
        request={reading.request}
        flush
        actions={
          <>
            <Find id="product-search" label="Search products" value={q} onFind={(q) => anew({ q })} />
            <Filter label="Category" all="Every category" value={category} values={categories.map(({ slug, name, product_count }) => [slug, `${name} (${product_count})`])} onChoose={(category) => anew({ category })} />
            <Filter label="Kind" all="Goods and events" value={kind} values={KINDS} onChoose={(kind) => anew({ kind })} />
            <Filter label="Order" all={q === '' ? 'By id' : 'Best first'} value={sort} values={SORTS} onChoose={(sort) => anew({ sort })} />
            <label>
              <input type="checkbox" checked={available} onChange={(event) => anew({ available: event.target.checked })} /> can be had
            </label>
            <Button kind="main" icon="plus" disabled={!may} onClick={() => change({ open: 'new' })}>
              New product
            </Button>
          </>
        }
      >
        <Answer reading={reading} what="products" isEmpty={({ items }) => items.length === 0} empty={<NothingFits what="products" filters={[q && `“${q}”`, category, kind, promoter_id, available ? 'stock' : '']} onAll={() => anew({ q: undefined, category: undefined, kind: undefined, promoter_id: undefined, available: undefined })} />}>
          {({ items, next_cursor }) => (
            <>
              <DataTable label="Products" columns={COLUMNS} rows={items} rowKey={({ id }) => id} onOpen={({ id }) => change({ open: id })} isOpen={({ id }) => id === open} />
              <Pager cursor={cursor} next={next_cursor} />
            </>
          )}
        </Answer>
      </Panel>
      {open === 'new' && <NewProduct onClose={() => change({ open: undefined })} onMade={(id) => change({ open: id })} />}
      {open !== '' && open !== 'new' && <ProductDrawer key={open} id={open} may={may} onClose={() => change({ open: undefined })} />}
    </>
  )
}

const COLUMNS: Column<Product>[] = [
  { name: 'picture', heading: '', cell: ({ picture }) => <img className={styles.thumb} src={shopPath(picture)} alt="" loading="lazy" width="28" height="28" /> },
  {
    name: 'name',
    heading: 'Product',
    wide: true,
    cell: ({ name, id }) => (
      <div className="two-lines">
        <span>{name}</span>
        <small className="mono">{id}</small>
      </div>
    ),
  },
  { name: 'category', heading: 'Category', cell: ({ category, kind }) => (kind === 'event' ? <Badge tone="info">{category}</Badge> : category) },
  { name: 'price', heading: 'Price', end: true, cell: ({ price }) => money(price) },
  { name: 'available', heading: 'Can be had', end: true, cell: ({ available }) => (available === 0 ? <Badge tone="bad" icon="error">sold out</Badge> : figures(available)) },
  { name: 'sold', heading: 'Sold', end: true, cell: ({ sold }) => figures(sold) },
  { name: 'promoter', heading: 'Sold by', cell: ({ promoter_id }) => (promoter_id ? <ToTab tab="promoters" parameters={{ promoter_id }} mono>{promoter_id}</ToTab> : 'the shop') },
]
