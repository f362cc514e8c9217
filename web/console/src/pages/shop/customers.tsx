// Customers, as far as the shop's API tells of them: those of the newest orders, and those that signed up within the time that is looked at.
import { useState } from 'react'
import { sqlText, sqlTime, useSql } from '../../data/sql'
import { useChange } from '../../data/use-change'
import { ago, figures, moment } from '../../format'
import { Answer } from '../../parts/answer'
import { Badge, Button, ButtonLink } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { Drawer } from '../../parts/drawer'
import { Panel } from '../../parts/panel'
import { Question } from '../../parts/question'
import { text, useParameters } from '../../router'
import { useTime } from '../../time'
import { money, type Order, type Page, shopChange, useShop } from './api'
import { Find, ToTab, When } from './list'
import { StateBadge } from './orders'
import styles from './shop.module.css'

const FIELDS = { open: text() }
/** How many of the newest orders are looked through. */
const LOOKED = 100
const MINUTE_MS = 60e3

interface Customer {
  id: string
  orders: number
  last: Order | null
  signedUp: string | null
  /** As their last order has it. */
  recipient: string
  countries: string[]
}

export function Customers({ may }: { may: boolean }) {
  const [{ open }, change] = useParameters(FIELDS)
  const time = useTime()
  const reading = useShop<Page<Order>>('admin/orders', { limit: LOOKED })
  const [from, to] = [Math.floor(time.from / MINUTE_MS) * MINUTE_MS, Math.ceil(time.to / MINUTE_MS) * MINUTE_MS]
  const statement = `SELECT time, attr(attributes, 'customer_id') AS customer_id\nFROM logs\nWHERE service = 'customers' AND body = 'customer signed up' AND time >= ${sqlTime(from)} AND time < ${sqlTime(to)}\nORDER BY time DESC LIMIT 500`
  const signUps = useSql(statement)
  const customers = customersOf(reading.data?.items ?? [], (signUps.data ?? []) as { time: string; customer_id: string }[])
  return (
    <>
      <Panel title="Customers" request={reading.request} sql={statement} flush actions={<Find label="Customer’s id" value={open} onFind={(open) => change({ open })} />}>
        <p className={styles.note}>
          The API has no list of customers: these are of the newest {LOOKED} orders, and those who signed up within the time that is looked at. Names are those of their last order.
        </p>
        <Answer reading={reading} what="customers" isEmpty={() => customers.length === 0}>
          {() => <DataTable label="Customers" columns={COLUMNS} rows={customers} rowKey={({ id }) => id} sorted="-last" onOpen={({ id }) => change({ open: id })} isOpen={({ id }) => id === open} />}
        </Answer>
      </Panel>
      {open !== '' && <CustomerDrawer key={open} id={open} may={may} onClose={() => change({ open: undefined })} />}
    </>
  )
}

function customersOf(orders: Order[], signUps: { time: string; customer_id: string }[]): Customer[] {
  const all = new Map<string, Customer>()
  const of = (id: string) => {
    const known = all.get(id) ?? { id, orders: 0, last: null, signedUp: null, recipient: '', countries: [] }
    all.set(id, known)
    return known
  }
  for (const order of orders) {
    const customer = of(order.customer_id)
    customer.orders += 1
    customer.last ??= order
    customer.recipient ||= order.address.recipient
    if (!customer.countries.includes(order.address.country)) customer.countries.push(order.address.country)
  }
  for (const { time, customer_id } of signUps) of(customer_id).signedUp = time
  return [...all.values()]
}

const COLUMNS: Column<Customer>[] = [
  { name: 'id', heading: 'Customer', sort: ({ id }) => id, cell: ({ id }) => <code>{id}</code> },
  { name: 'recipient', heading: 'Last parcel to', wide: true, sort: ({ recipient }) => recipient, cell: ({ recipient, countries }) => `${recipient}${countries.length > 0 ? ` (${countries.join(', ')})` : ''}` || '–' },
  { name: 'orders', heading: 'Orders', end: true, sort: ({ orders }) => orders, cell: ({ orders }) => figures(orders) },
  { name: 'last', heading: 'Last order', sort: ({ last, signedUp }) => Date.parse(last?.placed_at ?? signedUp ?? ''), cell: ({ last }) => (last ? <When at={last.placed_at} /> : '–') },
  { name: 'signed', heading: 'Signed up', sort: ({ signedUp }) => Date.parse(signedUp ?? ''), cell: ({ signedUp }) => (signedUp ? <When at={signedUp} /> : <span className="muted">earlier</span>) },
]

function CustomerDrawer({ id, may, onClose }: { id: string; may: boolean; onClose: () => void }) {
  const reading = useShop<Page<Order>>('admin/orders', { customer_id: id, limit: LOOKED }, { keep: false })
  return (
    <Drawer title={id} of={id} onClose={onClose}>
      <div className="row">
        <ButtonLink icon="logs" to="/logs" parameters={{ q: `"${id}"` }}>
          In logs
        </ButtonLink>
        {may && <Lock id={id} />}
      </div>
      <LockLog id={id} />
      <Panel title="Orders" level={3} request={reading.request}>
        <Answer reading={reading} what="orders" isEmpty={({ items }) => items.length === 0}>
          {({ items, next_cursor }) => (
            <>
              <p className="muted">
                {items.length}
                {next_cursor && ' or more'} orders
              </p>
              <ul className={styles.course}>
                {items.map((order) => (
                  <li key={order.id}>
                    <StateBadge state={order.state} /> <ToTab tab="orders" parameters={{ open: order.id }} mono>…{order.id.slice(-8)}</ToTab> {money(order.total)} <span className="muted">{ago(Date.parse(order.placed_at))}</span>
                  </li>
                ))}
              </ul>
            </>
          )}
        </Answer>
      </Panel>
    </Drawer>
  )
}

/** Lets no one in as this account, or lets them in again. */
export function Lock({ id }: { id: string }) {
  const [asked, setAsked] = useState<'PUT' | 'DELETE' | null>(null)
  const [done, setDone] = useState('')
  const locking = useChange(() => {
    setDone(asked === 'PUT' ? 'Locked now.' : 'Unlocked now.')
    setAsked(null)
  })
  return (
    <>
      <Button kind="bad" onClick={() => setAsked('PUT')}>
        Lock …
      </Button>
      <Button onClick={() => setAsked('DELETE')}>Unlock …</Button>
      <span role="status">{done}</span>
      {asked && (
        <Question title={asked === 'PUT' ? `Lock ${id}?` : `Unlock ${id}?`} does={asked === 'PUT' ? 'Lock the account' : 'Let them in again'} kind={asked === 'PUT' ? 'bad' : 'main'} isBusy={locking.isPending} error={locking.error} onClose={() => setAsked(null)} onSubmit={() => locking.mutate(shopChange(asked, `admin/accounts/${encodeURIComponent(id)}/lock`))}>
          <p>{asked === 'PUT' ? 'No one signs in as this account, and its tokens end at every gateway.' : 'They can sign in again. Tokens that ended stay so.'}</p>
        </Question>
      )}
    </>
  )
}

/** Whether an account is locked is told by no answer of the API; that it was, by logs. */
function LockLog({ id }: { id: string }) {
  const reading = useSql(`SELECT time, attr(attributes, 'locked') AS locked FROM logs WHERE service = 'auth' AND attr(attributes, 'account_id') = ${sqlText(id)} AND attr(attributes, 'locked') IS NOT NULL ORDER BY time DESC LIMIT 1`)
  const last = reading.data?.[0] as { time: string; locked: string } | undefined
  if (!last) return null
  return (
    <p>
      <Badge tone={last.locked === 'true' ? 'bad' : 'ok'} icon={last.locked === 'true' ? 'close' : 'check'}>
        {last.locked === 'true' ? 'locked' : 'unlocked'}
      </Badge>{' '}
      since {moment(Date.parse(last.time))}, by the logs
    </p>
  )
}
