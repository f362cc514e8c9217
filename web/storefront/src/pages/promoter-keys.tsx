// A promoter's public keys: which pages may sell by the widget, and what they put in for it.
import { useData } from '@vitrine/kit/src/data'
import { day } from '@vitrine/kit/src/time'
import { PromoterKeys as PromoterKeysOperation, type PromoterKey } from '../operations'
import { address, usePage } from '../page'
import { Button, ButtonLink, Field, FormMessage, Sheet } from '../parts/controls'
import controls from '../parts/controls.module.css'
import styles from './promoter-keys.module.css'

export function PromoterKeys() {
  const data = useData(PromoterKeysOperation)
  const page = usePage()
  if (data === null) {
    return (
      <div className={styles.none}>
        <h1>Keys are for promoters</h1>
        <p>This account buys. A promoter's account sells, and has keys for the widget that it puts into its own pages.</p>
        <ButtonLink href={address(page, '/account')}>To your account</ButtonLink>
      </div>
    )
  }
  const keys = data.promoterKeys
  return (
    <div className={styles.page}>
      <header className={styles.head}>
        <div>
          <h1>Widget keys</h1>
          <p>Sell pieces of this shop in your own pages. A key says who sells, and which pages may say so; it opens nothing, and is no secret.</p>
        </div>
        <form method="post" action={address(page, '/sign-out')}>
          <Button quiet>Sign out</Button>
        </form>
      </header>
      <section className={styles.keys} aria-label="Your keys">
        {keys.length === 0 && <p className={styles.note}>There is no key yet. Make the first one for your page.</p>}
        {keys.map((key) => (
          <Key key={key.id} known={key} />
        ))}
      </section>
      <NewKey />
    </div>
  )
}

function Key({ known }: { known: PromoterKey }) {
  const page = usePage()
  const embed = `<script async src="${page.origin}/widget/v1.js"></script>
<vitrine-buy key="${known.id}" product="prd_storm-vase">
  <a href="${page.origin}/p/storm-vase">The storm vase at Vitrine</a>
</vitrine-buy>`
  return (
    <Sheet className={styles.key}>
      <header className={styles.keyHead}>
        <h2>{known.name}</h2>
        <form method="post" action={address(page, '/account/keys')}>
          <input type="hidden" name="revoke" value={known.id} />
          <Button quiet className={styles.revoke} aria-label={`Revoke the key ${known.name}`}>
            Revoke
          </Button>
        </form>
      </header>
      <p className={styles.id}>
        <code>{known.id}</code>
      </p>
      <ul className={styles.origins} aria-label="Pages that may use it">
        {known.origins.map((origin) => (
          <li key={origin}>{origin}</li>
        ))}
      </ul>
      <p className={styles.note}>
        Made on <time dateTime={known.createdAt}>{day(known.createdAt)}</time>. Revoked keys end for good: pages that have them show their link instead.
      </p>
      <details>
        <summary>What goes into the page</summary>
        <pre className={styles.embed} tabIndex={0}>
          <code>{embed}</code>
        </pre>
      </details>
    </Sheet>
  )
}

function NewKey() {
  const page = usePage()
  const isWrong = page.form?.field === 'origins'
  return (
    <Sheet className={styles.new}>
      <h2>A new key</h2>
      <form method="post" action={address(page, '/account/keys')} className={styles.form}>
        <FormMessage />
        <Field name="name" label="Which page it is for" required maxLength={60} placeholder="Lumen, the winter issue" />
        <label className={controls.field}>
          <span className={controls.label}>Where the page is</span>
          <textarea
            className={`${controls.input} ${styles.lines}`}
            name="origins"
            required
            rows={3}
            maxLength={2100}
            spellCheck={false}
            defaultValue={page.form?.values.origins ?? ''}
            placeholder="https://magazine.example"
            aria-invalid={isWrong || undefined}
            aria-describedby="origins-note"
          />
          <span className={controls.hint} id="origins-note">
            One origin a line, up to ten: https and the host, as the address bar has it, without a path. For trying, http://localhost:3000 will do.
          </span>
        </label>
        <Button>Make the key</Button>
      </form>
    </Sheet>
  )
}
