// Promoters: who sells beside the shop, what they sell, and the keys for pages of theirs.
import { useState } from 'react'
import { ApiError } from '../../data/http'
import { useChange } from '../../data/use-change'
import { figures } from '../../format'
import { Answer } from '../../parts/answer'
import { Badge, Button, Field, Input } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { Panel } from '../../parts/panel'
import { Question } from '../../parts/question'
import { text, useParameters } from '../../router'
import { type Page, type Product, shopChange, useShop } from './api'
import { Lock } from './customers'
import { ToTab, When } from './list'
import styles from './shop.module.css'

interface Promoter {
  id: string
  products: number
  available: number
  sold: number
}

interface PublicKey {
  id: string
  name: string
  origins: string[]
  created_at: string
}

const FIELDS = { promoter_id: text() }
/** As many as one page of products may have. */
const LOOKED = 100

export function Promoters({ may }: { may: boolean }) {
  const [{ promoter_id }] = useParameters(FIELDS)
  const reading = useShop<Page<Product>>('products', { limit: LOOKED })
  return (
    <>
      <Panel title="Promoters" request={reading.request} flush>
        <Answer reading={reading} what="promoters" isEmpty={({ items }) => promotersOf(items).length === 0} empty="Nobody sells beside the shop yet.">
          {({ items, next_cursor }) => (
            <>
              <DataTable label="Promoters" columns={columnsOf(may)} rows={promotersOf(items)} rowKey={({ id }) => id} sorted="-sold" isOpen={({ id }) => id === promoter_id} />
              <p className={styles.note}>The API has no list of promoters: these are who sells {next_cursor ? `the first ${LOOKED}` : 'all'} products.</p>
            </>
          )}
        </Answer>
      </Panel>
      <Keys may={may} />
    </>
  )
}

function promotersOf(products: Product[]): Promoter[] {
  const all = new Map<string, Promoter>()
  for (const { promoter_id, available, sold } of products) {
    if (promoter_id === null) continue
    const known = all.get(promoter_id) ?? { id: promoter_id, products: 0, available: 0, sold: 0 }
    all.set(promoter_id, { id: promoter_id, products: known.products + 1, available: known.available + available, sold: known.sold + sold })
  }
  return [...all.values()]
}

const columnsOf = (may: boolean): Column<Promoter>[] => [
  { name: 'id', heading: 'Promoter', wide: true, sort: ({ id }) => id, cell: ({ id }) => <code>{id}</code> },
  { name: 'products', heading: 'Products', end: true, sort: ({ products }) => products, cell: ({ id, products }) => <ToTab tab="products" parameters={{ promoter_id: id }}>{products}</ToTab> },
  { name: 'available', heading: 'Can be had', end: true, sort: ({ available }) => available, cell: ({ available }) => figures(available) },
  { name: 'sold', heading: 'Sold', end: true, sort: ({ sold }) => sold, cell: ({ sold }) => figures(sold) },
  { name: 'lock', heading: 'Account', cell: ({ id }) => may && <Lock id={id} /> },
]

function Keys({ may }: { may: boolean }) {
  const reading = useShop<{ items: PublicKey[] }>('promoters/me/keys')
  const [isMaking, setMaking] = useState(false)
  const [ending, setEnding] = useState<PublicKey | null>(null)
  const end = useChange(() => setEnding(null))
  const isOther = reading.error instanceof ApiError && reading.error.status === 403
  return (
    <Panel title="Public keys of who is signed in" request={reading.request} actions={!isOther && <Button icon="plus" disabled={!may} onClick={() => setMaking(true)}>New key</Button>}>
      {isOther ? (
        <p className="muted">The API shows a promoter’s keys to that promoter alone, and you are none. Who is signed in as one finds them here.</p>
      ) : (
        <Answer reading={reading} what="keys" isEmpty={({ items }) => items.length === 0}>
          {({ items }) => (
            <ul className="lined">
              {items.map((key) => (
                <li key={key.id} className="row">
                  <strong>{key.name}</strong> <code>{key.id}</code>
                  {key.origins.map((origin) => (
                    <Badge key={origin}>{origin}</Badge>
                  ))}
                  <When at={key.created_at} />
                  <span className="space" />
                  <Button kind="bad" onClick={() => setEnding(key)}>
                    End …
                  </Button>
                </li>
              ))}
            </ul>
          )}
        </Answer>
      )}
      {isMaking && <NewKey onClose={() => setMaking(false)} />}
      {ending && (
        <Question title={`End ${ending.name}?`} does="End it for good" kind="bad" isBusy={end.isPending} error={end.error} onClose={() => setEnding(null)} onSubmit={() => end.mutate(shopChange('DELETE', `promoters/me/keys/${encodeURIComponent(ending.id)}`))}>
          <p>Pages that use it cannot sell any more.</p>
        </Question>
      )}
    </Panel>
  )
}

function NewKey({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('')
  const [origins, setOrigins] = useState('')
  const making = useChange(onClose)
  const all = origins.split(/[\s,]+/).filter((origin) => origin !== '')
  return (
    <Question title="New public key" does="Make it" isReady={name.trim() !== '' && all.length > 0} isBusy={making.isPending} error={making.error} onClose={onClose} onSubmit={() => making.mutate(shopChange('POST', 'promoters/me/keys', { name: name.trim(), origins: all }))}>
      <Field label="Which page it is for">
        <Input value={name} maxLength={60} onChange={(event) => setName(event.target.value)} />
      </Field>
      <Field label="Origins" hint="https://shop.example, with blanks between">
        <Input className="mono" value={origins} onChange={(event) => setOrigins(event.target.value)} />
      </Field>
    </Question>
  )
}
