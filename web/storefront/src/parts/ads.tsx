// Advertisements: one quiet line each, below what the page is about, and said to be what they are.
import { type Operation, useData } from '@vitrine/kit/src/data'
import type { AdsData } from '../operations'
import { address, usePage } from '../page'
import { Icon } from './icons'
import styles from './ads.module.css'

/** The path and the parameters of an address of the shop. */
function parts(href: string): [string, Record<string, string>] {
  const [path = '/', query = ''] = href.split('?')
  const pairs = query.split('&').filter(Boolean).map((pair) => pair.split('=').map(decodeURIComponent))
  return [path, Object.fromEntries(pairs) as Record<string, string>]
}

export function Ads({ from }: { from: Operation<AdsData> }) {
  const page = usePage()
  const ads = useData(from)?.ads ?? []
  if (ads.length === 0) return null
  return (
    <aside className={styles.ads} aria-label="Advertisements">
      {ads.map((ad) => (
        <a key={ad.id} href={address(page, ...parts(ad.href))}>
          <span className={styles.mark}>Advertisement</span>
          <span className={styles.text}>{ad.text}</span>
          <Icon name="arrow" size={18} />
        </a>
      ))}
    </aside>
  )
}
