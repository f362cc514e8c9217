// One attribute that differs: its values with their shares in both sets, as bars and as numbers.
import { type CSSProperties, useState } from 'react'
import type { ComparedAttribute, ComparedValue } from '../../data/traces'
import { percent } from '../../format'
import { Badge, Button } from '../../parts/controls'
import styles from './what-differs.module.css'

/** Values that are shown before one asks for more. */
const FIRST = 3

const OF = { field: 'span', attribute: '', resource: 'resource', event: 'event' } as const

interface DifferingAttributeProps {
  attribute: ComparedAttribute
  name: string
  onCondition: (condition: string) => void
}

export function DifferingAttribute({ attribute, name, onCondition }: DifferingAttributeProps) {
  const [isOpen, setOpen] = useState(false)
  const { values, same, distinct } = attribute
  const shown = isOpen ? values : values.slice(0, FIRST)
  return (
    <li className={styles.attribute}>
      <h3 title={attribute.name}>
        <span>{attribute.name}</span>
        {OF[attribute.of] && <Badge>{OF[attribute.of]}</Badge>}
        {attribute.approximate && <Badge tone="info">rare values were not all counted</Badge>}
      </h3>
      {same.length > 0 && <p className={styles.same}>Picks the same spans: {same.map((each) => `${each.name}${each.value === null ? ' absent' : `=${each.value}`}`).join(', ')}</p>}
      <ul>
        {shown.map((value) => (
          <Value key={value.value ?? '\0'} value={value} name={name} onCondition={onCondition} />
        ))}
      </ul>
      {values.length > FIRST && (
        <Button kind="plain" onClick={() => setOpen(!isOpen)}>
          {isOpen ? 'Fewer' : `${values.length - FIRST} more${distinct > values.length ? ` of ${distinct}` : ''}`}
        </Button>
      )}
    </li>
  )
}

function Value({ value, name, onCondition }: { value: ComparedValue; name: string; onCondition: (condition: string) => void }) {
  const text = value.value === null ? 'absent' : value.value === '' ? 'empty' : value.value
  const { query } = value
  return (
    <li className={styles.value} data-differs={value.score > 0 ? '' : undefined}>
      <span className={styles.text} data-absent={value.value === null ? '' : undefined} title={text}>
        {text}
      </span>
      {query !== null && <Button kind="plain" icon="filter" label={`Only ${query}`} onClick={() => onCondition(query)} />}
      <Share side="selected" share={value.selected_share} count={value.selected} of={name} />
      <Share side="baseline" share={value.baseline_share} count={value.baseline} of="others" />
    </li>
  )
}

function Share({ side, share, count, of }: { side: 'selected' | 'baseline'; share: number; count: number; of: string }) {
  return (
    <span className={styles.share} data-side={side} style={{ '--share': share } as CSSProperties}>
      <i />
      <b>{percent(share)}</b> <small>{count.toLocaleString('en')}</small>
      <span className="sr-only"> {of}</span>
    </span>
  )
}
