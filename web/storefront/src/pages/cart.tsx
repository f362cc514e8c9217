import { useData } from '@vitrine/kit/src/data'
import { type FormEvent, useRef } from 'react'
import { useCartChanges } from '../cart-changes'
import { Cart as CartOperation, type CartData, type CartLine } from '../operations'
import { address, usePage } from '../page'
import { Button, ButtonLink, FormMessage, Sheet, UndoButton } from '../parts/controls'
import { Icon } from '../parts/icons'
import { Tiles } from '../parts/tile'
import styles from './cart.module.css'

/** Most of one piece in the list; who has more of it sees that number, too. */
const MOST = 10

export function Cart() {
  const { cart } = useData(CartOperation)
  const changes = useCartChanges(cart)
  const title = useRef<HTMLHeadingElement>(null)
  const lines = cart.lines
    .map((line) => ({ ...line, quantity: changes.quantityOf(line.product.id, line.quantity) }))
    .filter((line) => line.quantity > 0)
  if (lines.length === 0) return <Empty />
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    changes.onSubmit(event)
    // What was taken out cannot keep the focus.
    if ((event.nativeEvent as SubmitEvent).submitter !== null) title.current?.focus()
  }
  return (
    <div className={styles.page}>
      <h1 className={styles.title} ref={title} tabIndex={-1}>
        Your cart
      </h1>
      <div className={styles.lines}>
        {changes.refusal === null ? (
          <FormMessage />
        ) : (
          <p className={styles.refusal} role="alert">
            {changes.refusal}
          </p>
        )}
        <ul>
          {lines.map((line) => (
            <Line
              key={line.product.id}
              line={line}
              problem={cart.problems.find((p) => p.productId === line.product.id)?.message}
              isPending={changes.isPending}
              onSubmit={onSubmit}
            />
          ))}
        </ul>
      </div>
      <Summary cart={cart} pieces={lines.reduce((sum, line) => sum + line.quantity, 0)} isPending={changes.isPending} />
      <GoesWith cart={cart} />
    </div>
  )
}

function GoesWith({ cart }: { cart: CartData['cart'] }) {
  const tiles = cart.recommendations.map((recommended) => recommended.product)
  if (tiles.length === 0) return null
  return (
    <section className={styles.also} aria-labelledby="also">
      <h2 id="also">Goes well with it</h2>
      <Tiles tiles={tiles} eager={0} />
    </section>
  )
}

function Empty() {
  const page = usePage()
  return (
    <div className={styles.empty}>
      <h1>Nothing but light in here</h1>
      <p>Your cart is empty. What you put in stays in it, also before you sign in.</p>
      <ButtonLink href={address(page, '/search')}>
        See every piece <Icon name="arrow" size={18} />
      </ButtonLink>
    </div>
  )
}

interface LineProps {
  line: CartLine
  problem: string | undefined
  isPending: boolean
  onSubmit: (event: FormEvent<HTMLFormElement>) => void
}

function Line({ line, problem, isPending, onSubmit }: LineProps) {
  const page = usePage()
  const { product, quantity } = line
  const choices = Array.from({ length: Math.max(MOST, quantity) }, (_, at) => at + 1)
  const href = address(page, `/p/${product.slug}`)
  const here = address(page, '/cart')
  return (
    <li className={styles.line}>
      <img src={product.picture} alt="" width="400" height="400" />
      <div className={styles.what}>
        <h2>
          <a href={href}>{product.name}</a>
        </h2>
        <p className={styles.note}>
          {line.unitPrice.text} {product.kind === 'EVENT' ? 'a seat' : 'each'}
        </p>
        {product.event && <p className={styles.note}>{product.event.text}</p>}
        {problem && <p className={styles.problem}>{problem}</p>}
        <div className={styles.change}>
          <form method="post" action={here} onSubmit={onSubmit}>
            <input type="hidden" name="product" value={product.id} />
            <input type="hidden" name="change" value="set" />
            <label>
              <span className={styles.hidden}>How many of {product.name}</span>
              <select name="quantity" value={quantity} onChange={(event) => event.currentTarget.form?.requestSubmit()}>
                {choices.map((n) => (
                  <option key={n}>{n}</option>
                ))}
              </select>
            </label>
            <noscript>
              <Button quiet>Change</Button>
            </noscript>
          </form>
          <form method="post" action={here} onSubmit={onSubmit}>
            <input type="hidden" name="product" value={product.id} />
            <input type="hidden" name="change" value="set" />
            <UndoButton className={styles.remove} name="quantity" value="0" aria-label={`Take out ${product.name}`}>
              Take out
            </UndoButton>
          </form>
        </div>
      </div>
      <p className={styles.total} data-pending={isPending || undefined}>
        {line.total.text}
      </p>
    </li>
  )
}

function Summary({ cart, pieces, isPending }: { cart: CartData['cart']; pieces: number; isPending: boolean }) {
  const page = usePage()
  const isBlocked = cart.problems.length > 0
  return (
    <Sheet className={styles.summary}>
      <h2>Together</h2>
      <dl aria-live="polite" aria-busy={isPending}>
        <div>
          <dt>{pieces === 1 ? '1 piece' : `${pieces} pieces`}</dt>
          <dd data-pending={isPending || undefined}>{cart.subtotal.text}</dd>
        </div>
        <div>
          <dt>Sending</dt>
          <dd className={styles.note}>by address, next</dd>
        </div>
      </dl>
      {isBlocked ? (
        <p className={styles.problem}>Change what is marked in the list, then it can be bought.</p>
      ) : (
        <ButtonLink href={address(page, '/checkout')}>
          {cart.isGuest ? 'Sign in and check out' : 'Check out'} <Icon name="arrow" size={18} />
        </ButtonLink>
      )}
    </Sheet>
  )
}
