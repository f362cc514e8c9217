// Shares of variants, as a bar with words beside it.
import { colourAt } from '../../colour'
import { percent, short } from '../../format'
import styles from './flags.module.css'

export function VariantBar({ label, variants }: { label: string; variants: [string, number][] }) {
  const all = variants.reduce((sum, [, count]) => sum + count, 0)
  if (all < 0.5) return <span className="muted">none</span>
  const shown = variants.filter(([, count]) => count > 0).toSorted(([a], [b]) => a.localeCompare(b))
  const said = shown.map(([name, count]) => `${name || 'code’s own'} ${percent(count / all)}`).join(', ')
  return (
    <span className={styles.variants} title={`${label}: ${said}`}>
      <span className={styles.shares} aria-hidden="true">
        {shown.map(([name, count], place) => (
          <span
            key={name}
            ref={(part) => {
              part?.style.setProperty('--share', String(count))
              part?.style.setProperty('--colour', colourAt(place))
            }}
          />
        ))}
      </span>
      <small>
        {short(Math.round(all))} · {said}
      </small>
    </span>
  )
}
