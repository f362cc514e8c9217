// A product: what it is, and a form that changes it only if nobody else did meanwhile.
import { useState } from 'react'
import { ApiError, jsonOf } from '../../data/http'
import { shopPath } from '../../data/session'
import { useChange } from '../../data/use-change'
import { useResponse } from '../../data/use-api'
import { figures, moment } from '../../format'
import { Answer, Problem } from '../../parts/answer'
import { Badge, Button, ButtonLink, Field, Input, Select, TextArea } from '../../parts/controls'
import { Drawer } from '../../parts/drawer'
import { Question } from '../../parts/question'
import { money, type Product, shopChange, shopRequest, useCategories } from './api'
import styles from './shop.module.css'

interface Read {
  product: Product
  /** What a change must say was seen. */
  etag: string
}

export function ProductDrawer({ id, may, onClose }: { id: string; may: boolean; onClose: () => void }) {
  const reading = useResponse<Read>(shopRequest(`products/${encodeURIComponent(id)}`), async (response) => ({ product: await jsonOf<Product>(response), etag: response.headers.get('etag') ?? '' }), { keep: false })
  return (
    <Drawer title={reading.data?.product.name ?? id} of={id} onClose={onClose}>
      <Answer reading={reading} what="the product">
        {(read) => (
          <div className="stack">
            <Facts product={read.product} />
            {may && <Edit read={read} onLook={() => void reading.refetch()} onGone={onClose} />}
          </div>
        )}
      </Answer>
    </Drawer>
  )
}

function Facts({ product }: { product: Product }) {
  const { id, kind, picture, price, available, sold, event, tags, promoter_id } = product
  return (
    <div className={styles.about}>
      <img src={shopPath(picture)} alt="" width="96" height="96" />
      <dl className="facts">
        <dt>Id</dt>
        <dd className="mono">{id}</dd>
        <dt>Price</dt>
        <dd>{money(price)}</dd>
        <dt>Can be had, sold</dt>
        <dd>
          {figures(available)}, {figures(sold)}
        </dd>
        {kind === 'event' && event && (
          <>
            <dt>Event</dt>
            <dd>
              {moment(Date.parse(event.starts_at))}, {event.duration_min} min, {event.venue}
            </dd>
          </>
        )}
        <dt>Sold by</dt>
        <dd>{promoter_id ?? 'the shop'}</dd>
        <dt>Tags</dt>
        <dd className="row">
          {tags.map((tag) => (
            <Badge key={tag}>{tag}</Badge>
          ))}
        </dd>
      </dl>
      <div className="row">
        <ButtonLink icon="logs" to="/logs" parameters={{ q: `"${id}"` }}>
          In logs
        </ButtonLink>
        <ButtonLink icon="traces" to="/traces" parameters={{ q: `url.path:"/api/v1/products/${id}"` }}>
          Its traces
        </ButtonLink>
      </div>
    </div>
  )
}

interface Draft {
  name: string
  description: string
  category: string
  amount: string
  currency: string
  restock: string
}

const draftOf = ({ name, description, category, price }: Product): Draft => ({ name, description, category, amount: price.amount, currency: price.currency, restock: '' })

/** Returns a draft of what is there now, with what was changed in it since it was begun. */
function rebased(draft: Draft, before: Product, now: Product): Draft {
  const [old, next] = [draftOf(before), draftOf(now)]
  const fields = Object.keys(next) as (keyof Draft)[]
  return Object.fromEntries(fields.map((field) => [field, draft[field] === old[field] ? next[field] : draft[field]])) as unknown as Draft
}

/** Returns what of a draft is another than in the product. */
function changesOf(draft: Draft, product: Product): Record<string, unknown> {
  const { name, description, category, amount, currency, restock } = draft
  return {
    ...(name !== product.name && { name }),
    ...(description !== product.description && { description }),
    ...(category !== product.category && { category }),
    ...((amount !== product.price.amount || currency !== product.price.currency) && { price: { amount, currency } }),
    ...(restock !== '' && Number(restock) !== 0 && { restock: Number(restock) }),
  }
}

function Edit({ read, onLook, onGone }: { read: Read; onLook: () => void; onGone: () => void }) {
  const { product } = read
  // What was seen when the form was begun: a change is for that, also when newer data came meanwhile.
  const [seen, setSeen] = useState(read)
  const [draft, setDraft] = useState(() => draftOf(product))
  const [isDeleting, setDeleting] = useState(false)
  const changes = changesOf(draft, seen.product)
  const isChanged = Object.keys(changes).length > 0
  const saving = useChange(({ body }) => setDraft(draftOf(body as Product)))
  const deleting = useChange(onGone)
  const isStale = saving.error instanceof ApiError && saving.error.status === 412
  if (!isChanged && seen.etag !== read.etag) {
    setSeen(read)
    setDraft(draftOf(product))
  }
  const save = (etag: string) => saving.mutate(shopChange('PATCH', `products/${encodeURIComponent(product.id)}`, changes, { 'if-match': etag }), { onError: onLook })
  return (
    <>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault()
          if (isChanged) save(seen.etag)
        }}
      >
        <h3>Change it</h3>
        <ProductFields draft={draft} onChange={(part) => setDraft({ ...draft, ...part })} />
        <Field label="Stock: add, or take away" hint={`${figures(product.available)} can be had now`}>
          <Input type="number" step={1} value={draft.restock} placeholder="0" onChange={(event) => setDraft({ ...draft, restock: event.target.value })} />
        </Field>
        {isStale ? <Meanwhile now={product} isNew={seen.etag !== read.etag} onMine={() => { setDraft(rebased(draft, seen.product, product)); setSeen(read); save(read.etag) }} onTheirs={() => { setSeen(read); setDraft(draftOf(product)); saving.reset() }} /> : saving.error && <Problem error={saving.error} />}
        <div className="row">
          <Button kind="main" type="submit" disabled={!isChanged || saving.isPending || isStale}>
            Save
          </Button>
          <Button disabled={!isChanged} onClick={() => { setDraft(draftOf(product)); setSeen(read); saving.reset() }}>
            Throw away
          </Button>
          <span className="muted" role="status">
            {isChanged ? `Changes ${Object.keys(changes).join(', ')}` : saving.isSuccess ? 'Saved' : ''}
          </span>
          <span className="space" />
          <Button kind="bad" onClick={() => setDeleting(true)}>
            Sell it no more …
          </Button>
        </div>
      </form>
      {isDeleting && (
        <Question title={`Sell ${product.name} no more?`} does="Sell it no more" kind="bad" isBusy={deleting.isPending} error={deleting.error} onClose={() => setDeleting(false)} onSubmit={() => deleting.mutate(shopChange('DELETE', `products/${encodeURIComponent(product.id)}`, undefined, { 'if-match': read.etag }), { onError: onLook })}>
          <p>It leaves the catalogue. Orders of it stay as they are.</p>
        </Question>
      )}
    </>
  )
}

function Meanwhile({ now, isNew, onMine, onTheirs }: { now: Product; isNew: boolean; onMine: () => void; onTheirs: () => void }) {
  return (
    <div className="callout" role="alert">
      <strong>It was changed meanwhile, if only that one was sold.</strong> Nothing of what you typed is lost. It is now: {now.name}, {money(now.price)}, {figures(now.available)} can be had.
      <div className="row">
        <Button disabled={!isNew} onClick={onMine}>
          Save mine over it
        </Button>
        <Button onClick={onTheirs}>Take what is there</Button>
      </div>
    </div>
  )
}

/** What a new product and a changed one have in common. */
export function ProductFields({ draft, onChange }: { draft: Omit<Draft, 'restock'>; onChange: (part: Partial<Draft>) => void }) {
  const categories = useCategories().data?.items ?? []
  return (
    <>
      <Field label="Name">
        <Input value={draft.name} maxLength={120} required onChange={(event) => onChange({ name: event.target.value })} />
      </Field>
      <Field label="Description">
        <TextArea rows={4} value={draft.description} maxLength={4000} required onChange={(event) => onChange({ description: event.target.value })} />
      </Field>
      <div className="fields">
        <Field label="Category">
          <Select value={draft.category} onChange={(event) => onChange({ category: event.target.value })}>
            {!categories.some(({ slug }) => slug === draft.category) && <option value={draft.category}>{draft.category || 'Choose one'}</option>}
            {categories.map(({ slug, name }) => (
              <option key={slug} value={slug}>
                {name}
              </option>
            ))}
          </Select>
        </Field>
        <Field label="Price">
          <Input inputMode="decimal" value={draft.amount} required pattern="[0-9]+(\.[0-9]{1,3})?" onChange={(event) => onChange({ amount: event.target.value })} />
        </Field>
        <Field label="Currency">
          <Input value={draft.currency} required maxLength={3} pattern="[A-Z]{3}" onChange={(event) => onChange({ currency: event.target.value.toUpperCase() })} />
        </Field>
      </div>
    </>
  )
}
