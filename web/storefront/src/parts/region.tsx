// Where parcels go and what prices are in: one plain form at the foot of every page.
import { byName, countryName } from '@vitrine/kit/src/countries'
import { useData } from '@vitrine/kit/src/data'
import { Shop } from '../operations'
import { address, usePage } from '../page'
import { useVisitor } from '../visitor'
import { Button } from './controls'
import styles from './region.module.css'

export function Region() {
  const page = usePage()
  const shop = useData(Shop)
  const country = useVisitor()?.country ?? ''
  if (shop === null) return null
  return (
    <details className={styles.region}>
      <summary>{country ? `To ${countryName(country)}, in ${page.currency}` : `Prices in ${page.currency}`}</summary>
      <form method="post" action="/region">
        <input type="hidden" name="next" value={address(page, page.path, page.query)} />
        <label>
          <span>Send to</span>
          {/* Known after hydration where a page is the same for everyone. */}
          <select name="country" key={country} defaultValue={country} autoComplete="country">
            <option value="">Not said</option>
            {byName(shop.countries).map(({ code, name }) => (
              <option key={code} value={code}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>Prices in</span>
          <select name="currency" defaultValue={page.currency}>
            {shop.currencies.items.map(({ code, name }) => (
              <option key={code} value={code}>
                {code} {name}
              </option>
            ))}
          </select>
        </label>
        <Button quiet>Choose</Button>
      </form>
    </details>
  )
}
