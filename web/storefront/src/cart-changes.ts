// Changes of the cart that are shown at once: what was wanted stands there while the shop is asked, and what the shop says stands there after.
import { type FormEvent, useRef, useState } from 'react'
import type { CartData } from './operations'
import { useRefresh } from './refresh'
import { send } from './send'
import { useCartCount } from './visitor'

/** What the shop says of a change: pieces in the cart now, and why it was refused. */
export interface Changed {
  cart: number
  message: string | null
}

interface Changes {
  /** How many of a product are shown: as many as were wanted last. */
  quantityOf: (product: string, known: number) => number
  /** Whether the sums are those of before. */
  isPending: boolean
  refusal: string | null
  /** Takes the place of sending a form with `product` and `quantity`. */
  onSubmit: (event: FormEvent<HTMLFormElement>) => void
}

const NO_ANSWER = 'The shop did not answer, and your cart is as it was. Try again.'

export function useCartChanges({ lines, totalQuantity }: CartData['cart']): Changes {
  const refresh = useRefresh()
  const setCount = useCartCount()
  const [wanted, setWanted] = useState<Record<string, number>>({})
  const [refusal, setRefusal] = useState<string | null>(null)
  // One after the other: the shop sees changes as they were made.
  const last = useRef(Promise.resolve())

  const quantityOf = (product: string, known: number) => wanted[product] ?? known

  const change = async (product: string, quantity: number, form: FormData) => {
    try {
      const { cart, message } = await send<Changed>('/cart', form)
      setCount(cart)
      setRefusal(message)
      await refresh()
    } catch {
      setCount(totalQuantity)
      setRefusal(NO_ANSWER)
    }
    setWanted(({ [product]: latest, ...others }) => (latest === undefined || latest === quantity ? others : { ...others, [product]: latest }))
  }

  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    // The button that was pressed may say how many.
    const submitter = (event.nativeEvent as SubmitEvent).submitter
    const form = new FormData(event.currentTarget, submitter)
    const [product, quantity] = [String(form.get('product')), Number(form.get('quantity'))]
    const shown = lines.map((line) => (line.product.id === product ? quantity : quantityOf(line.product.id, line.quantity)))
    setCount(shown.reduce((sum, pieces) => sum + pieces, 0))
    setRefusal(null)
    setWanted({ ...wanted, [product]: quantity })
    last.current = last.current.then(() => change(product, quantity, form))
  }

  return { quantityOf, isPending: Object.keys(wanted).length > 0, refusal, onSubmit }
}
