// What is bought, in short: pictures, names, amounts, and the sums below.
import type { Price } from '../operations'
import { address, usePage } from '../page'
import styles from './order-lines.module.css'

interface Line {
  productId: string
  name: string
  quantity: number
  total: Price
  product: { slug: string; picture: string } | null
}

export function Lines({ lines }: { lines: Line[] }) {
  const page = usePage()
  return (
    <ul className={styles.lines}>
      {lines.map((line) => (
        <li key={line.productId}>
          {line.product ? <img src={line.product.picture} alt="" width="400" height="400" /> : <span className={styles.gone} />}
          <span>
            {line.product ? <a href={address(page, `/p/${line.product.slug}`)}>{line.name}</a> : line.name}
            <span className={styles.quantity}> × {line.quantity}</span>
          </span>
          <span className={styles.amount}>{line.total.text}</span>
        </li>
      ))}
    </ul>
  )
}

export function Sums({ sums }: { sums: { subtotal: Price; shipping: Price; total: Price } }) {
  return (
    <dl className={styles.sums}>
      <div>
        <dt>Pieces</dt>
        <dd>{sums.subtotal.text}</dd>
      </div>
      <div>
        <dt>Sending</dt>
        <dd>{sums.shipping.text}</dd>
      </div>
      <div className={styles.total}>
        <dt>Total</dt>
        <dd>{sums.total.text}</dd>
      </div>
    </dl>
  )
}
