// An order: what was bought, how it came where it stands, what services said of it, and what it can become.
import { useState } from 'react'
import { useSql } from '../../data/sql'
import { useChange } from '../../data/use-change'
import { clock, moment } from '../../format'
import { Answer } from '../../parts/answer'
import { Badge, Button, ButtonLink, Field, Input } from '../../parts/controls'
import { Drawer } from '../../parts/drawer'
import { Panel } from '../../parts/panel'
import { Question } from '../../parts/question'
import { Link } from '../../router'
import { type Assessment, money, type Order, type OrderState, shopChange, useShop } from './api'
import { ToTab } from './list'
import { StateBadge } from './orders'
import styles from './shop.module.css'
import { type OrderRecord, recordsOf } from './traces'

/** What an order can become; only checkout places and charges. */
const NEXT: Record<OrderState, OrderState[]> = {
  placed: ['cancelled'],
  paid: ['shipped', 'cancelled', 'refunded'],
  shipped: ['delivered', 'refunded'],
  delivered: ['refunded'],
  cancelled: ['refunded'],
  refunded: [],
}

export function OrderDrawer({ id, may, onClose }: { id: string; may: boolean; onClose: () => void }) {
  const reading = useShop<Order>(`admin/orders/${encodeURIComponent(id)}`, {}, { keep: false })
  return (
    <Drawer title={id} of={id} onClose={onClose}>
      <Answer reading={reading} what="the order">
        {(order) => (
          <div className="stack">
            <Bought order={order} />
            <Becoming order={order} may={may} />
            <Course order={order} />
            <Records order={order} />
            <Suspicion order={order} />
          </div>
        )}
      </Answer>
    </Drawer>
  )
}

function Bought({ order }: { order: Order }) {
  const { state, lines, subtotal, shipping, total, address, customer_id, payment_id } = order
  return (
    <>
      <p className="row">
        <StateBadge state={state} />
        <ToTab tab="customers" parameters={{ open: customer_id }} mono>
          {customer_id}
        </ToTab>
        <ToTab tab="ledger" parameters={{ order_id: order.id }}>
          In the ledger
        </ToTab>
        <code title="Payment">{payment_id}</code>
      </p>
      <table className={styles.lines}>
        <caption className="sr-only">What was bought</caption>
        <tbody>
          {lines.map(({ product_id, name, quantity, total }) => (
            <tr key={product_id}>
              <th scope="row">
                {quantity} × <ToTab tab="products" parameters={{ open: product_id }}>{name}</ToTab>
              </th>
              <td>{money(total)}</td>
            </tr>
          ))}
          <tr>
            <th scope="row">Subtotal</th>
            <td>{money(subtotal)}</td>
          </tr>
          <tr>
            <th scope="row">Shipping</th>
            <td>{money(shipping)}</td>
          </tr>
          <tr className={styles.total}>
            <th scope="row">Total</th>
            <td>{money(total)}</td>
          </tr>
        </tbody>
      </table>
      <p className="muted">{[address.recipient, address.line1, address.line2, `${address.postal_code} ${address.city}`, address.country].filter((line) => line !== '').join(', ')}</p>
    </>
  )
}

function Becoming({ order, may }: { order: Order; may: boolean }) {
  const [to, setTo] = useState<OrderState | null>(null)
  const [reason, setReason] = useState('')
  const moving = useChange(() => setTo(null))
  const next = NEXT[order.state]
  if (next.length === 0 || !may) return null
  return (
    <div className="row">
      {next.map((state) => (
        <Button key={state} kind={state === 'cancelled' || state === 'refunded' ? 'bad' : undefined} onClick={() => setTo(state)}>
          It is {state} …
        </Button>
      ))}
      {to && (
        <Question title={`Move the order to ${to}?`} does={`It is ${to}`} kind={to === 'cancelled' || to === 'refunded' ? 'bad' : 'main'} isBusy={moving.isPending} error={moving.error} onClose={() => setTo(null)} onSubmit={() => moving.mutate(shopChange('POST', `admin/orders/${encodeURIComponent(order.id)}/transition`, { to, ...(reason.trim() !== '' && { reason: reason.trim() }) }))}>
          <Field label="Reason" hint="It stands in the order’s history.">
            <Input value={reason} maxLength={200} onChange={(event) => setReason(event.target.value)} />
          </Field>
        </Question>
      )}
    </div>
  )
}

function Course({ order }: { order: Order }) {
  return (
    <Panel title="Its course" level={3}>
      <ol className={styles.course}>
        {order.history.map(({ state, at, reason }, place) => (
          <li key={place}>
            <StateBadge state={state} /> <span className="muted">{moment(Date.parse(at))}</span> {reason}
          </li>
        ))}
      </ol>
    </Panel>
  )
}

function Records({ order }: { order: Order }) {
  const statement = recordsOf([order])
  const reading = useSql(statement)
  return (
    <Panel title="What services said of it" level={3} request={reading.request} sql={statement ?? undefined} actions={<ButtonLink kind="plain" icon="logs" to="/logs" parameters={{ q: `order_id:${order.id}`, from: Date.parse(order.placed_at) - 60e3 }} label="In logs" />}>
      <Answer reading={reading} what="log records" isEmpty={(rows) => rows.length === 0} empty="None are kept any more.">
        {(rows) => (
          <ul className={styles.course}>
            {(rows as unknown as OrderRecord[]).map(({ time, service, body, trace_id }, place) => (
              <li key={place}>
                <span className="muted">{clock(Date.parse(time))}</span> <Badge>{service}</Badge> {body}{' '}
                {trace_id && (
                  <Link to={`/trace/${trace_id}`} className="mono">
                    {trace_id.slice(0, 8)}
                  </Link>
                )}
              </li>
            ))}
          </ul>
        )}
      </Answer>
    </Panel>
  )
}

function Suspicion({ order }: { order: Order }) {
  const reading = useShop<Assessment>(`admin/fraud/assessments/${encodeURIComponent(order.id)}`)
  return (
    <Panel title="Fraud assessment" level={3} request={reading.request}>
      <Answer reading={reading} what="the assessment">
        {({ score, verdict, findings }) => (
          <>
            <p>
              {score} points: {verdict}
            </p>
            <ul className={styles.course}>
              {findings.map(({ rule, points, explanation }) => (
                <li key={rule}>
                  +{points} <code>{rule}</code> {explanation}
                </li>
              ))}
            </ul>
          </>
        )}
      </Answer>
    </Panel>
  )
}
