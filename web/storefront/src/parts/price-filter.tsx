// Between which prices pieces are listed: a plain form, which keeps all else of the list.
import type { Price } from '../operations'
import { type Parameters, usePage } from '../page'
import { Button } from './controls'
import styles from './price-filter.module.css'

/** The longest amount that can be typed. */
const MAX_DIGITS = 9

interface Props {
  /** What the cheapest and the dearest of all that was found cost, where that is known. */
  least?: Price | null
  most?: Price | null
  /** The list with other parameters, for the way back to any price. */
  here: (parameters: Parameters) => string
}

export function PriceFilter({ least, most, here }: Props) {
  const page = usePage()
  const { min, max, after: _, ...kept } = page.query
  const isSet = Boolean(min || max)
  const chosen = [min && `from ${min}`, max && `to ${max}`].filter(Boolean).join(' ')
  return (
    <details className={styles.price}>
      <summary aria-label={isSet ? `Price ${chosen} ${page.currency}` : 'Price'} data-set={isSet || undefined}>
        {isSet ? `${chosen} ${page.currency}` : 'Price'}
      </summary>
      <form className={styles.panel} action={page.path}>
        {Object.entries(kept).map(([name, value]) => (
          <input key={name} type="hidden" name={name} value={value} />
        ))}
        {page.currency !== 'EUR' && <input type="hidden" name="currency" value={page.currency} />}
        <label>
          <span>From, in {page.currency}</span>
          <input name="min" inputMode="decimal" pattern="[0-9]+([.][0-9]+)?" maxLength={MAX_DIGITS} defaultValue={min} />
        </label>
        <label>
          <span>To</span>
          <input name="max" inputMode="decimal" pattern="[0-9]+([.][0-9]+)?" maxLength={MAX_DIGITS} defaultValue={max} />
        </label>
        {least && most && (
          <p className={styles.note}>
            {least.text} to {most.text}
          </p>
        )}
        <div className={styles.ways}>
          <Button>Show</Button>
          {isSet && (
            <a href={here({ min: null, max: null })} rel="nofollow">
              Any price
            </a>
          )}
        </div>
      </form>
    </details>
  )
}
