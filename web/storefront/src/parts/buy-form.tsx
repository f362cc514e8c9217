// Puts a piece into the cart. Without script it is a plain form; with it the page stays and says what is in the cart now.
import { type FormEvent, useState } from 'react'
import type { Changed } from '../cart-changes'
import { track } from '../measuring/measure'
import type { Tile } from '../operations'
import { address, usePage } from '../page'
import { send } from '../send'
import { useCartCount, useVisitor } from '../visitor'
import { Button, ButtonLink } from './controls'
import { Icon } from './icons'
import styles from './buy-form.module.css'

/** Most of one piece in a form; the cart takes more. */
const MOST = 10

type State = { is: 'idle' } | { is: 'sending' } | { is: 'done'; quantity: number } | { is: 'refused'; message: string }

export function BuyForm({ product }: { product: Pick<Tile, 'id' | 'kind' | 'available' | 'name'> }) {
  const page = usePage()
  const visitor = useVisitor()
  const setCart = useCartCount()
  const [state, setState] = useState<State>({ is: 'idle' })
  const most = Math.min(product.available, MOST)
  const isEvent = product.kind === 'EVENT'

  const onSubmit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    if (state.is === 'sending') return
    const form = new FormData(event.currentTarget)
    const quantity = Number(form.get('quantity'))
    const before = visitor?.cart ?? 0
    setState({ is: 'sending' })
    setCart(before + quantity)
    try {
      const put = await send<Changed>('/cart', form)
      setCart(put.cart)
      setState(put.message === null ? { is: 'done', quantity } : { is: 'refused', message: put.message })
      if (put.message === null) track('Product Added', { product_id: product.id, name: product.name, quantity })
    } catch {
      setCart(before)
      setState({ is: 'refused', message: 'The shop did not answer. Nothing was put into the cart: try again.' })
    }
  }

  return (
    <form className={styles.form} method="post" action={address(page, '/cart')} onSubmit={onSubmit}>
      <input type="hidden" name="product" value={product.id} />
      <label className={styles.quantity}>
        <span>{isEvent ? 'Seats' : 'How many'}</span>
        <select name="quantity" disabled={most === 0}>
          {Array.from({ length: Math.max(most, 1) }, (_, at) => (
            <option key={at}>{at + 1}</option>
          ))}
        </select>
      </label>
      <Button disabled={most === 0} aria-disabled={state.is === 'sending' || undefined}>
        <Icon name={state.is === 'done' ? 'check' : 'cart'} />
        {most === 0 ? (isEvent ? 'Fully booked' : 'Sold out') : isEvent ? 'Take a seat' : 'Add to cart'}
      </Button>
      <div className={styles.outcome} aria-live="polite">
        {state.is === 'done' && (
          <p className={styles.done}>
            <Icon name="check" />
            <span>
              {state.quantity} × {product.name} in your cart
            </span>
            <ButtonLink quiet href={address(page, '/cart')}>
              To the cart
            </ButtonLink>
          </p>
        )}
        {state.is === 'refused' && <p className={styles.refused}>{state.message}</p>}
      </div>
    </form>
  )
}
