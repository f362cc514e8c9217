// Orders, each with its trace, and what it can become.
import { useSql } from '../../data/sql'
import { Answer, Problem } from '../../parts/answer'
import { Badge, type Tone } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { Panel } from '../../parts/panel'
import { Link, text, useParameters } from '../../router'
import { useTime } from '../../time'
import { money, type Order, type OrderState, type Page, useShop } from './api'
import { Filter, Find, NothingFits, PAGE_SIZE, Pager, ToTab, When } from './list'
import { OrderDrawer } from './order-drawer'
import { type OrderRecord, recordsOf } from './traces'

const FIELDS = { state: text(), customer_id: text(), cursor: text(), open: text() }
const STATES: OrderState[] = ['placed', 'paid', 'shipped', 'delivered', 'cancelled', 'refunded']
const TONES: Record<OrderState, Tone> = { placed: 'warn', paid: 'info', shipped: 'info', delivered: 'ok', cancelled: 'bad', refunded: 'warn' }

export const StateBadge = ({ state }: { state: OrderState }) => (
  <Badge tone={TONES[state]} icon={state === 'delivered' ? 'check' : state === 'cancelled' ? 'close' : undefined}>
    {state}
  </Badge>
)

export function Orders({ may }: { may: boolean }) {
  const [{ state, customer_id, cursor, open }, change] = useParameters(FIELDS)
  const reading = useShop<Page<Order>>('admin/orders', { state, customer_id, cursor, limit: PAGE_SIZE }, { refetchMs: useTime().isLive && cursor === '' ? 5000 : false })
  const statement = recordsOf(reading.data?.items ?? [])
  const records = useSql(statement)
  const traces = new Map<string, string>()
  for (const { order_id, trace_id } of (records.data ?? []) as unknown as OrderRecord[]) if (trace_id && !traces.has(order_id)) traces.set(order_id, trace_id)
  const anew = (parameters: Record<string, string | undefined>) => change({ ...parameters, cursor: undefined, open: undefined })
  return (
    <>
      <Panel
        title="Orders"
        request={reading.request}
        sql={statement ?? undefined}
        flush
        actions={
          <>
            <Find label="Order’s id" value={open} onFind={(open) => change({ open })} />
            <Find label="Customer’s id" value={customer_id} onFind={(customer_id) => anew({ customer_id })} />
            <Filter label="State" all="Every state" value={state} values={STATES.map((name) => [name, name])} onChoose={(state) => anew({ state })} />
          </>
        }
      >
        <Answer reading={reading} what="orders" isEmpty={({ items }) => items.length === 0} empty={<NothingFits what="orders" filters={[state, customer_id]} onAll={() => anew({ state: undefined, customer_id: undefined })} />}>
          {({ items, next_cursor }) => (
            <>
              {records.error && <Problem error={new Error(`Traces of these orders are not known: ${records.error.message}`)} onRetry={() => records.refetch()} />}
              <DataTable label="Orders" columns={columnsOf(traces, records.isFetching ? '…' : records.error ? 'not known' : 'not kept')} rows={items} rowKey={({ id }) => id} onOpen={({ id }) => change({ open: id })} isOpen={({ id }) => id === open} />
              <Pager cursor={cursor} next={next_cursor} />
            </>
          )}
        </Answer>
      </Panel>
      {open !== '' && <OrderDrawer key={open} id={open} may={may} onClose={() => change({ open: undefined })} />}
    </>
  )
}

/** `none` stands where no trace was found. */
function columnsOf(traces: Map<string, string>, none: string): Column<Order>[] {
  return [
    { name: 'placed', heading: 'Placed', cell: ({ placed_at }) => <When at={placed_at} /> },
    { name: 'id', heading: 'Order', cell: ({ id }) => <code title={id}>…{id.slice(-10)}</code> },
    { name: 'state', heading: 'State', cell: ({ state }) => <StateBadge state={state} /> },
    { name: 'what', heading: 'What', wide: true, cell: ({ lines }) => <span className="cut">{lines.map(({ quantity, name }) => `${quantity} × ${name}`).join(', ')}</span> },
    { name: 'total', heading: 'Total', end: true, cell: ({ total }) => money(total) },
    { name: 'to', heading: 'To', cell: ({ address }) => address.country },
    { name: 'customer', heading: 'Customer', cell: ({ customer_id }) => <ToTab tab="customers" parameters={{ open: customer_id }} mono>…{customer_id.slice(-6)}</ToTab> },
    {
      name: 'trace',
      heading: 'Trace',
      cell: ({ id }) => {
        const trace = traces.get(id)
        if (trace) return <Link to={`/trace/${trace}`} className="mono">{trace.slice(0, 8)}</Link>
        return <span className="muted">{none}</span>
      },
    },
  ]
}
