// Tells of the page that is shown, and asks once whether it may: yes and no are the same size, and the page can be used meanwhile.
import { DataContext } from '@vitrine/kit/src/data'
import { type FormEvent, useContext, useEffect, useState } from 'react'
import { Product, type ProductData } from '../operations'
import { usePage } from '../page'
import { Button } from '../parts/controls'
import { send } from '../send'
import styles from './measuring.module.css'
import { decide, flush, type Measured, pageSeen, track } from './measure'

interface Visit {
  /** Whether the visitor is to be asked. */
  asks: boolean
  measured: Measured | null
}

export function Measuring() {
  const page = usePage()
  const source = useContext(DataContext)
  const [asks, setAsks] = useState(false)

  useEffect(() => {
    const stop = new AbortController()
    fetch('/visit', { signal: stop.signal, headers: { accept: 'application/json' } })
      .then((response) => (response.ok ? (response.json() as Promise<Visit>) : { asks: false, measured: null }))
      .then((visit) => {
        setAsks(visit.asks)
        if (!visit.asks) decide(visit.measured)
      })
      .catch(() => decide(null))
    addEventListener('pagehide', flush, { signal: stop.signal })
    return () => stop.abort()
  }, [])

  useEffect(() => {
    pageSeen(page.page)
    if (page.page === 'product' && source !== null) {
      const { product } = source.read(Product.name) as ProductData
      if (product !== null) track('Product Viewed', facts(product))
    }
    if (page.page === 'checkout') track('Checkout Started', { step: 1 })
  }, [page.page, page.path, source])

  const onSubmit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const { submitter } = event.nativeEvent as SubmitEvent
    const form = new FormData(event.currentTarget, submitter)
    setAsks(false)
    try {
      decide((await send<Visit>('/consent', form)).measured)
    } catch {
      decide(null)
    }
  }

  if (!asks) return null
  return (
    <form className={styles.banner} method="post" action="/consent" onSubmit={onSubmit} aria-label="Measuring">
      <p>May we count which pages you look at? Nobody else is told, and the shop works the same either way.</p>
      <div className={styles.answers}>
        <Button quiet name="answer" value="no">
          No
        </Button>
        <Button quiet name="answer" value="yes">
          Yes
        </Button>
      </div>
    </form>
  )
}

function facts(product: NonNullable<ProductData['product']>) {
  const { id, name, category, price } = product
  return { product_id: id, name, category: category.slug, price: Number(price.amount), currency: price.currency }
}
