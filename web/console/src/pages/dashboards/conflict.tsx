// Somebody else changed the dashboard in the meantime: both are shown, and nothing is lost.
import { Problem } from '../../parts/answer'
import { Button } from '../../parts/controls'
import { Dialog } from '../../parts/dialog'
import type { Stored } from './api'
import styles from './dashboards.module.css'
import { differences, merged } from './differences'
import type { Dashboard } from './document'

interface ConflictProps {
  /** What both began with. */
  base: Dashboard
  mine: Dashboard
  theirs: Stored
  isBusy: boolean
  error: Error | null
  onStore: (document: Dashboard) => void
  onCopy: () => void
  onDrop: () => void
  onClose: () => void
}

export function Conflict({ base, mine, theirs, isBusy, error, onStore, onCopy, onDrop, onClose }: ConflictProps) {
  const both = merged(base, mine, theirs.document)
  return (
    <div className={styles.wide}>
      <Dialog title="Somebody else changed this dashboard in the meantime" onClose={onClose}>
        <p>Your changes are not saved, and not lost: they stay here until you decide.</p>
        <div className={styles.sides}>
          <Side title="What you changed" before={base} after={mine} />
          <Side title="What they changed" before={base} after={theirs.document} />
        </div>
        {both === null && <p>Both changed the same thing, so they cannot be joined by themselves.</p>}
        {error && <Problem error={error} />}
        <div className="row">
          {both !== null && (
            <Button kind="main" disabled={isBusy} onClick={() => onStore(both)}>
              Save both
            </Button>
          )}
          <Button disabled={isBusy} onClick={onCopy}>
            Save mine as a copy
          </Button>
          <Button kind="bad" disabled={isBusy} onClick={() => onStore(mine)}>
            Replace theirs with mine
          </Button>
          <Button kind="bad" disabled={isBusy} onClick={onDrop}>
            Drop mine
          </Button>
          <Button onClick={onClose}>Go on editing</Button>
        </div>
      </Dialog>
    </div>
  )
}

function Side({ title, before, after }: { title: string; before: Dashboard; after: Dashboard }) {
  const said = differences(before, after)
  return (
    <section className="stack">
      <h3>{title}</h3>
      <ul className={styles.changes}>
        {said.map((text) => (
          <li key={text}>{text}</li>
        ))}
        {said.length === 0 && <li className="muted">Nothing that is shown.</li>}
      </ul>
      <details>
        <summary>As JSON</summary>
        <pre className={styles.json} tabIndex={0} aria-label={`${title}, as JSON`}>
          {JSON.stringify(after, null, 2)}
        </pre>
      </details>
    </section>
  )
}
