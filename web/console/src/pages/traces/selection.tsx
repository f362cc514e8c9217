// What is drawn in the heat-map, in words, and what can be done with it.
import type { Heatmap } from '../../data/traces'
import { clock, duration, short } from '../../format'
import { Button } from '../../parts/controls'
import { countIn } from './heat-cells'
import type { Box } from './trace-query'
import styles from './traces.module.css'

interface SelectionProps {
  heatmap: Heatmap
  box: Box | null
  differs: '' | 'box' | 'errors'
  onDiffer: (differs: 'box' | 'errors') => void
  onOnly: () => void
  onClear: () => void
}

export function Selection({ heatmap, box, differs, onDiffer, onOnly, onClear }: SelectionProps) {
  if (box === null) {
    return (
      <div className={styles.selection}>
        <span className="muted">Draw a box around what looks odd, to see what differs in it.</span>
        {heatmap.errors > 0 && heatmap.errors < heatmap.spans && differs !== 'errors' && (
          <Button icon="error" onClick={() => onDiffer('errors')}>
            What do the {short(heatmap.errors)} failed have in common?
          </Button>
        )}
      </div>
    )
  }
  const { count, errors, isExact } = countIn(heatmap, box)
  return (
    <div className={styles.selection}>
      <span role="status">
        {!isExact && 'about '}
        <b>{count.toLocaleString('en')}</b> spans{errors > 0 && <span className="bad">, {errors.toLocaleString('en')} failed</span>}: started in {clock(Number(box.start / 1_000_000n), { fraction: false })} – {clock(Number(box.end / 1_000_000n), { fraction: false })}, took {duration(box.min)} – {duration(box.max)}
      </span>
      <Button kind="main" onClick={() => onDiffer('box')} disabled={differs === 'box' || count === 0}>
        What differs?
      </Button>
      <Button icon="filter" onClick={onOnly}>
        Only these
      </Button>
      <Button kind="plain" icon="close" label="Remove the box" onClick={onClear} />
    </div>
  )
}
