// An order: what was bought, and where it is. As long as it moves, the page asks again.
import { useData } from '@vitrine/kit/src/data'
import { moment } from '@vitrine/kit/src/time'
import { useEffect } from 'react'
import { Order as OrderOperation, type OrderData, type OrderState } from '../operations'
import { address, usePage } from '../page'
import { Button, ButtonLink, FormMessage, Sheet } from '../parts/controls'
import { Icon } from '../parts/icons'
import { Lines, Sums } from '../parts/order-lines'
import { useRefresh } from '../refresh'
import { AddressText } from './checkout'
import { NotFound } from './not-found'
import styles from './order.module.css'

type OrderShown = NonNullable<OrderData['order']>

export const STATE_NAMES: Record<OrderState, string> = {
  PLACED: 'Placed',
  PAID: 'Paid, being packed',
  SHIPPED: 'On its way',
  DELIVERED: 'Delivered',
  CANCELLED: 'Cancelled',
  REFUNDED: 'Paid back',
}
const SHIPMENT_NAMES: Record<string, string> = {
  CREATED: 'Packed',
  DISPATCHED: 'Handed to the carrier',
  IN_TRANSIT: 'On the road',
  DELIVERED: 'Delivered',
  CANCELLED: 'Called back',
}
/** Between two questions whether anything has changed, in milliseconds. */
const REFRESH_MS = 5000
const GOING_WELL: readonly OrderState[] = ['PLACED', 'PAID', 'SHIPPED', 'DELIVERED']
const MOVING: readonly OrderState[] = ['PLACED', 'PAID', 'SHIPPED']

export function Order() {
  const { order } = useData(OrderOperation)
  useRefreshing(order !== null && MOVING.includes(order.state))
  if (order === null) return <NotFound />
  return (
    <div className={styles.page}>
      <Thanks order={order} />
      <div className={styles.main}>
        <FormMessage />
        <History order={order} />
        <Cancel order={order} />
      </div>
      <Sheet className={styles.aside}>
        <h2>What you bought</h2>
        <Lines lines={order.lines} />
        <Sums sums={order} />
        <div className={styles.destination}>
          <AddressText address={order.address} />
        </div>
      </Sheet>
    </div>
  )
}

function useRefreshing(isMoving: boolean) {
  const refresh = useRefresh()
  useEffect(() => {
    if (!isMoving) return
    const timer = setInterval(() => {
      // What is shown stays where there is no answer, and is asked again.
      if (!document.hidden) refresh().catch(() => {})
    }, REFRESH_MS)
    return () => clearInterval(timer)
  }, [isMoving, refresh])
}

function Thanks({ order }: { order: OrderShown }) {
  const page = usePage()
  const isNew = page.query.placed === 'yes'
  return (
    <header className={styles.head}>
      {isNew && (
        <span className={styles.seal}>
          <Icon name="check" size={32} />
        </span>
      )}
      <h1>{isNew ? 'Thank you' : STATE_NAMES[order.state]}</h1>
      <p className={styles.note} role="status">
        {`Order ${order.id}`}
        {isNew && (
          <>
            {' is yours. A letter is in '}
            <a href={address(page, '/mailbox')}>your mailbox</a>.
          </>
        )}
      </p>
    </header>
  )
}

function History({ order }: { order: OrderShown }) {
  const steps = [
    ...order.history.map((change) => ({
      at: change.at,
      text: STATE_NAMES[change.state],
      // Why it went on as it should is no news.
      note: GOING_WELL.includes(change.state) ? '' : change.reason,
    })),
    ...(order.shipment?.history ?? []).map((event) => ({
      at: event.at,
      text: SHIPMENT_NAMES[event.state] ?? event.state,
      note: event.place,
    })),
  ].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
  return (
    <section aria-labelledby="history">
      <h2 id="history">Where it is</h2>
      <ol className={styles.history} aria-live="polite">
        {steps.map((step) => (
          <li key={`${step.at} ${step.text}`}>
            <b>{step.text}</b>
            <span className={styles.note}>
              <time dateTime={step.at}>{moment(step.at)}</time>
              {step.note && ` · ${step.note}`}
            </span>
          </li>
        ))}
      </ol>
      {order.shipment && (
        <p className={styles.note}>
          <Icon name="parcel" size={18} /> Parcel {order.shipment.trackingNumber}
        </p>
      )}
    </section>
  )
}

function Cancel({ order }: { order: OrderShown }) {
  const page = usePage()
  return (
    <div className={styles.ways}>
      <ButtonLink quiet href={address(page, '/account')}>
        All your orders
      </ButtonLink>
      {(order.state === 'PLACED' || order.state === 'PAID') && (
        <form method="post" action={address(page, `/orders/${order.id}`)}>
          <Button quiet name="change" value="cancel">
            Cancel it
          </Button>
        </form>
      )}
    </div>
  )
}
