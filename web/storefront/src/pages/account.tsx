import { useData } from '@vitrine/kit/src/data'
import { day } from '@vitrine/kit/src/time'
import { Account as AccountOperation, type AccountData } from '../operations'
import { address, usePage } from '../page'
import { AddressFields } from '../parts/address-fields'
import { Button, ButtonLink, FormMessage, Sheet, UndoButton } from '../parts/controls'
import { Icon } from '../parts/icons'
import { KeptCards } from '../parts/kept-cards'
import { AddressText } from './checkout'
import { STATE_NAMES } from './order'
import styles from './account.module.css'

type Me = NonNullable<AccountData['me']>

export function Account() {
  const { me, countries } = useData(AccountOperation)
  const page = usePage()
  if (me === null) return null
  return (
    <div className={styles.page}>
      <header className={styles.head}>
        <h1>{me.displayName}</h1>
        <p>{me.email}</p>
        <div className={styles.ways}>
          <ButtonLink quiet href={address(page, '/mailbox')}>
            <Icon name="letter" /> Mailbox
          </ButtonLink>
          <form method="post" action={address(page, '/sign-out')}>
            <Button quiet>Sign out</Button>
          </form>
        </div>
      </header>
      <Orders orders={me.orders} />
      <div className={styles.kept}>
        <Addresses me={me} countries={countries} />
        <Sheet className={styles.sheet}>
          <h2>Cards</h2>
          {me.cards.length === 0 ? <p className={styles.none}>None is kept. You choose so when you pay.</p> : <KeptCards cards={me.cards} />}
        </Sheet>
      </div>
    </div>
  )
}

function Addresses({ me, countries }: { me: Me; countries: string[] }) {
  const page = usePage()
  return (
    <Sheet className={styles.sheet}>
      <h2>Addresses</h2>
      {me.addresses.length === 0 && <p className={styles.none}>The first one is kept when you buy something.</p>}
      <ul>
        {me.addresses.map((saved) => (
          <li key={saved.id} className={styles.address}>
            <AddressText address={saved.address} />
            <form method="post" action={address(page, '/account')}>
              <UndoButton name="forget_address" value={saved.id} aria-label={`Forget the address ${saved.address.line1}`}>
                Forget
              </UndoButton>
            </form>
          </li>
        ))}
      </ul>
      <details open={page.form !== null}>
        <summary>One more address</summary>
        <form method="post" action={address(page, '/account')} className={styles.new}>
          <FormMessage />
          <AddressFields countries={countries} name={me.displayName} />
          <Button quiet>Keep it</Button>
        </form>
      </details>
    </Sheet>
  )
}

function Orders({ orders }: { orders: Me['orders'] }) {
  const page = usePage()
  return (
    <section aria-labelledby="orders">
      <h2 id="orders" className={styles.title}>
        Orders
      </h2>
      {orders.nodes.length === 0 && <p className={styles.none}>Nothing has been bought yet.</p>}
      <ul className={styles.orders}>
        {orders.nodes.map((order) => (
          <li key={order.id} className={styles.order}>
            <div className={styles.pictures}>
              {order.lines.slice(0, 3).map((line) =>
                line.product ? <img key={line.productId} src={line.product.picture} alt="" width="400" height="400" loading="lazy" /> : null,
              )}
            </div>
            <div>
              <h3>
                <a href={address(page, `/orders/${order.id}`)}>{order.lines.map((line) => line.name).join(', ')}</a>
              </h3>
              <p className={styles.note}>
                <time dateTime={order.placedAt}>{day(order.placedAt)}</time> · {STATE_NAMES[order.state]}
              </p>
            </div>
            <p className={styles.total}>{order.total.text}</p>
          </li>
        ))}
      </ul>
      {orders.pageInfo.hasNextPage && (
        <ButtonLink quiet href={address(page, '/account', { after: orders.pageInfo.endCursor })}>
          Older orders
        </ButtonLink>
      )}
    </section>
  )
}
