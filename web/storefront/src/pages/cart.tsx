import { useData } from '@vitrine/kit/src/data'
import { Cart as CartOperation, type CartData, type CartLine } from '../operations'
import { address, usePage } from '../page'
import { Button, ButtonLink, FormMessage, Sheet } from '../parts/controls'
import { Icon } from '../parts/icons'
import styles from './cart.module.css'

/** Most of one piece in the list; who has more of it sees that number, too. */
const MOST = 10

export function Cart() {
  const { cart } = useData(CartOperation)
  if (cart.lines.length === 0) return <Empty />
  return (
    <div className={styles.page}>
      <h1 className={styles.title}>Your cart</h1>
      <div className={styles.lines}>
        <FormMessage />
        <ul>
          {cart.lines.map((line) => (
            <Line key={line.product.id} line={line} problem={cart.problems.find((p) => p.productId === line.product.id)?.message} />
          ))}
        </ul>
      </div>
      <Summary cart={cart} />
    </div>
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

function Line({ line, problem }: { line: CartLine; problem: string | undefined }) {
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
          <form method="post" action={here}>
            <input type="hidden" name="product" value={product.id} />
            <input type="hidden" name="change" value="set" />
            <label>
              <span className={styles.hidden}>How many of {product.name}</span>
              <select name="quantity" defaultValue={quantity} onChange={(event) => event.currentTarget.form?.requestSubmit()}>
                {choices.map((n) => (
                  <option key={n}>{n}</option>
                ))}
              </select>
            </label>
            <noscript>
              <Button quiet>Change</Button>
            </noscript>
          </form>
          <form method="post" action={here}>
            <input type="hidden" name="product" value={product.id} />
            <input type="hidden" name="change" value="set" />
            <button className={styles.remove} name="quantity" value="0" aria-label={`Take out ${product.name}`}>
              Take out
            </button>
          </form>
        </div>
      </div>
      <p className={styles.total}>{line.total.text}</p>
    </li>
  )
}

function Summary({ cart }: { cart: CartData['cart'] }) {
  const page = usePage()
  const isBlocked = cart.problems.length > 0
  return (
    <Sheet className={styles.summary}>
      <h2>Together</h2>
      <dl>
        <div>
          <dt>{cart.totalQuantity === 1 ? '1 piece' : `${cart.totalQuantity} pieces`}</dt>
          <dd>{cart.subtotal.text}</dd>
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
