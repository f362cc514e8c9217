// How many can still be had, said only where it matters.
import type { Tile } from '../operations'
import styles from './stock.module.css'

/** From so many on it is simply in stock. */
const PLENTY = 25

export function Stock({ tile, always = false }: { tile: Pick<Tile, 'kind' | 'available'>; always?: boolean }) {
  const isEvent = tile.kind === 'EVENT'
  const left = tile.available
  if (left === 0) return <p className={`${styles.stock} ${styles.none}`}>{isEvent ? 'Fully booked' : 'Sold out'}</p>
  if (left < PLENTY) {
    const what = isEvent ? (left === 1 ? 'seat' : 'seats') : null
    return <p className={`${styles.stock} ${styles.few}`}>{[left, what, 'left'].filter(Boolean).join(' ')}</p>
  }
  return always ? <p className={`${styles.stock} ${styles.plenty}`}>{isEvent ? `${left} seats left` : 'In stock'}</p> : null
}
