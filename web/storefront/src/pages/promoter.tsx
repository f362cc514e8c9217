// Who sells beside the shop: all that they have in the window.
import { useData } from '@vitrine/kit/src/data'
import { PromoterPage } from '../operations'
import { usePage } from '../page'
import { NotFound } from './not-found'
import { Results, Tools } from './listing'
import styles from './listing.module.css'

export function Promoter() {
  const { promoter } = useData(PromoterPage)
  const page = usePage()
  if (promoter === null || (promoter.products.nodes.length === 0 && !page.query.after)) return <NotFound />
  return (
    <>
      <header className={styles.head}>
        <h1>A studio beside ours</h1>
        <p className={styles.lead}>What they make and teach, in our window: paid here, and sent or taught by them.</p>
      </header>
      <Tools count={null} listing={promoter.products} narrows={false} />
      <Results listing={promoter.products} empty="There is no more of it." />
    </>
  )
}
