// Visits: how far they came.
import { Visits } from './funnel-panels'

export default function Page() {
  return (
    <div className="stack">
      <header className="page-head">
        <h1>Visits</h1>
        <p className="muted">How far visits came, by how quickly the slowest of their traced pages was answered.</p>
      </header>
      <Visits />
    </div>
  )
}
