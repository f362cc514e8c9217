// The queries, one below the other, each with its letter.
import { useRef } from 'react'
import { Button, ButtonLink } from '../../parts/controls'
import { Editor, type EditorHandle } from '../../parts/editor'
import { KeptQueries } from '../../parts/kept-queries'
import { AddToDashboard } from './add-to-dashboard'
import styles from './metrics.module.css'
import { letterOf } from './state'

interface QueriesProps {
  drafts: string[]
  hidden: string[]
  onDrafts: (drafts: string[]) => void
  onRun: (drafts?: string[]) => void
  isExplorerOpen: boolean
  onExplorer: () => void
}

export function Queries({ drafts, hidden, onDrafts, onRun, isExplorerOpen, onExplorer }: QueriesProps) {
  const all = drafts.length === 0 ? [''] : drafts
  const replaced = (place: number, text: string) => all.map((other, at) => (at === place ? text : other))
  const first = useRef<EditorHandle | null>(null)
  return (
    <div className={styles.queries}>
      {all.map((text, place) => {
        const letter = letterOf(place)
        const isHidden = hidden.includes(letter)
        return (
          <div key={place} className={styles.query}>
            {all.length > 1 && <span className={styles.letter}>{letter}</span>}
            <div className={styles.field}>
              <Editor
                label={all.length > 1 ? `Query ${letter}` : 'Query'}
                language="promql"
                handle={place === 0 ? first : undefined}
                placeholder="sum by (service) (rate(traces_spanmetrics_calls_total[5m]))"
                value={text}
                onChange={(text) => onDrafts(replaced(place, text))}
                onSubmit={(text) => onRun(replaced(place, text))}
              />
            </div>
            {all.length > 1 && (
              <>
                <ButtonLink kind="plain" label={isHidden ? `Show ${letter}` : `Hide ${letter}`} icon={isHidden ? 'minus' : 'check'} change={{ hide: isHidden ? hidden.filter((other) => other !== letter) : [...hidden, letter] }} />
                <Button kind="plain" icon="close" label={`Remove ${letter}`} onClick={() => onRun(all.filter((_, at) => at !== place))} />
              </>
            )}
          </div>
        )
      })}
      <div className="row">
        <Button kind="main" icon="play" onClick={() => onRun(all)}>
          Run
        </Button>
        <Button icon="plus" onClick={() => onDrafts([...all, ''])}>
          One more query
        </Button>
        <KeptQueries of="metrics" text={all[0] ?? ''} onChoose={(text) => onRun(all.length === 1 ? [text] : [...all, text])} />
        <span className="space" />
        <AddToDashboard queries={all.filter((text) => text.trim() !== '')} />
        <Button kind="plain" aria-pressed={isExplorerOpen} icon="metrics" onClick={onExplorer}>
          Explorer
        </Button>
        <ButtonLink kind="plain" icon="link" to="/targets">
          Targets
        </ButtonLink>
      </div>
    </div>
  )
}
