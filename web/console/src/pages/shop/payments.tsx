// Payments, as the API lists them: the oldest first.
import { Answer } from '../../parts/answer'
import { Badge, type Tone } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { Panel } from '../../parts/panel'
import { text, useParameters } from '../../router'
import { money, type Page, type Payment, useShop } from './api'
import { PAGE_SIZE, Pager, ToTab, When } from './list'

const FIELDS = { cursor: text() }
const TONES: Record<string, Tone> = { captured: 'ok', authorized: 'info', voided: 'warn', refunded: 'warn', declined: 'bad' }

export function Payments() {
  const [{ cursor }] = useParameters(FIELDS)
  const reading = useShop<Page<Payment>>('admin/payments', { cursor, limit: PAGE_SIZE })
  return (
    <Panel title="Payments, the oldest first" request={reading.request} flush>
      <Answer reading={reading} what="payments" isEmpty={({ items }) => items.length === 0}>
        {({ items, next_cursor }) => (
          <>
            <DataTable label="Payments" columns={COLUMNS} rows={items} rowKey={({ id }) => id} />
            <Pager cursor={cursor} next={next_cursor} />
          </>
        )}
      </Answer>
    </Panel>
  )
}

const COLUMNS: Column<Payment>[] = [
  { name: 'created', heading: 'Made', sort: ({ created_at }) => created_at, cell: ({ created_at }) => <When at={created_at} /> },
  { name: 'id', heading: 'Payment', cell: ({ id }) => <code>{id}</code> },
  { name: 'state', heading: 'State', sort: ({ state }) => state, cell: ({ state }) => <Badge tone={TONES[state]}>{state}</Badge> },
  { name: 'card', heading: 'Card', cell: ({ scheme, last4 }) => `${scheme} ····${last4}` },
  { name: 'amount', heading: 'Amount', end: true, cell: ({ amount }) => money(amount) },
  { name: 'captured', heading: 'Captured', end: true, cell: ({ captured }) => money(captured) },
  { name: 'refunded', heading: 'Paid back', end: true, cell: ({ refunded }) => (Number(refunded.amount) === 0 ? '–' : money(refunded)) },
  { name: 'order', heading: 'Order', wide: true, cell: ({ reference }) => <ToTab tab="orders" parameters={{ open: reference }} mono>{reference}</ToTab> },
]
