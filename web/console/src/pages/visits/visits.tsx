// Visits: how far they came.
import { Visits } from './funnel-panels'
import styles from './visits.module.css'

export default function Page() {
  return (
    <div className="stack">
      <header className={styles.head}>
        <h1>Visits</h1>
        <p className="muted">How far visits came, by how quickly the slowest of their traced pages was answered.</p>
      </header>
      <Visits />
    </div>
  )
}
