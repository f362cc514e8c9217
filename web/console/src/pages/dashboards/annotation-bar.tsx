// Which annotations of a dashboard are shown. What was switched stands in the address.
import { Icon } from '../../parts/icons'
import { changedAddress, list, navigate, useParameters } from '../../router'
import { TOGGLED } from './annotations'
import styles from './dashboards.module.css'
import type { AnnotationState } from './use-annotations'

const FIELDS = { [TOGGLED]: list() }

export function AnnotationBar({ states }: { states: AnnotationState[] }) {
  const [{ [TOGGLED]: toggled }] = useParameters(FIELDS)
  if (states.length === 0) return null
  const toggle = (name: string) => navigate(changedAddress({ [TOGGLED]: toggled.includes(name) ? toggled.filter((each) => each !== name) : [...toggled, name] }))
  return (
    <div className={styles.variables} role="group" aria-label="Annotations">
      {states.map(({ name, description, isShown, count, isCut, problem }, place) => (
        <span key={place} className={styles.variable} title={description}>
          <label className={styles.annotation}>
            <input type="checkbox" checked={isShown} onChange={() => toggle(name)} />
            {name}
            {isShown && count !== null && <small>{isCut ? `the newest ${count}` : count}</small>}
          </label>
          {problem && (
            <span className={styles.variableProblem} role="img" aria-label={`${name} cannot be read: ${problem}`} title={problem}>
              <Icon name="error" size={14} />
            </span>
          )}
        </span>
      ))}
    </div>
  )
}
