// A new product. The same form sent twice makes one.
import { useState } from 'react'
import { useChange } from '../../data/use-change'
import { Field, Input, Select } from '../../parts/controls'
import { Question } from '../../parts/question'
import { type Product, shopChange } from './api'
import { ProductFields } from './product-drawer'

export function NewProduct({ onClose, onMade }: { onClose: () => void; onMade: (id: string) => void }) {
  const [draft, setDraft] = useState({ name: '', description: '', category: '', amount: '', currency: 'EUR' })
  const [more, setMore] = useState({ kind: 'goods', stock: '10', weight: '500', starts: '', duration: '120', venue: '' })
  const [key] = useState(() => crypto.getRandomValues(new Uint32Array(4)).join('-'))
  const making = useChange(({ body }) => onMade((body as Product).id))
  const isEvent = more.kind === 'event'
  const isReady = draft.name !== '' && draft.description !== '' && draft.category !== '' && draft.amount !== '' && (!isEvent || (more.starts !== '' && more.venue !== ''))
  const body = () => ({
    name: draft.name,
    description: draft.description,
    category: draft.category,
    price: { amount: draft.amount, currency: draft.currency },
    kind: more.kind,
    stock: Number(more.stock),
    ...(isEvent ? { event: { starts_at: new Date(more.starts).toISOString(), duration_min: Number(more.duration), venue: more.venue } } : { weight_g: Number(more.weight) }),
  })
  return (
    <Question title="New product" does="Sell it" isReady={isReady} isBusy={making.isPending} error={making.error} onClose={onClose} onSubmit={() => making.mutate(shopChange('POST', 'products', body(), { 'idempotency-key': key }))}>
      <ProductFields draft={draft} onChange={(part) => setDraft({ ...draft, ...part })} />
      <div className="fields">
        <Field label="Kind">
          <Select value={more.kind} onChange={(event) => setMore({ ...more, kind: event.target.value })}>
            <option value="goods">Goods, which are shipped</option>
            <option value="event">An event with seats</option>
          </Select>
        </Field>
        <Field label={isEvent ? 'Seats' : 'Stock'}>
          <Input type="number" min={0} value={more.stock} onChange={(event) => setMore({ ...more, stock: event.target.value })} />
        </Field>
        {!isEvent && (
          <Field label="Weight in grams">
            <Input type="number" min={0} value={more.weight} onChange={(event) => setMore({ ...more, weight: event.target.value })} />
          </Field>
        )}
        {isEvent && (
          <>
            <Field label="Begins">
              <Input type="datetime-local" value={more.starts} onChange={(event) => setMore({ ...more, starts: event.target.value })} />
            </Field>
            <Field label="Minutes">
              <Input type="number" min={15} max={1440} value={more.duration} onChange={(event) => setMore({ ...more, duration: event.target.value })} />
            </Field>
            <Field label="Venue">
              <Input value={more.venue} maxLength={200} onChange={(event) => setMore({ ...more, venue: event.target.value })} />
            </Field>
          </>
        )}
      </div>
    </Question>
  )
}
