// The funnel as a table: each step with how many came so far, which share of all that is, and how many went on from the step before.
import { percent, short } from '../../format'
import { Link } from '../../router'
import { type Group, onward, shareOf, STEPS } from './funnel-data'
import styles from './visits.module.css'

/** A share that went on which is so much lower than that of all visits is marked. */
const NOTABLE = 0.75

export function Funnel({ groups, open }: { groups: Group[]; open: string }) {
  const all = groups[0]!
  return (
    <div className={styles.scroll} role="region" aria-label="How far visits came" tabIndex={0}>
      <table className={styles.funnel}>
        <thead>
          <tr>
            <th scope="col">Answered</th>
            {STEPS.map(({ name, title }) => (
              <th key={name} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {groups.map((group) => (
            <tr key={group.answered} data-all={group.answered === '' ? '' : undefined} aria-selected={group.answered === open && open !== ''}>
              <th scope="row">{group.answered === '' || group.answered === 'not traced' ? group.title : <Link change={{ answered: open === group.answered ? undefined : group.answered }}>{group.title}</Link>}</th>
              {STEPS.map(({ name }, step) => (
                <Cell key={name} group={group} step={step} all={all} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Cell({ group, step, all }: { group: Group; step: number; all: Group }) {
  const [share, on] = [shareOf(group, step), onward(group, step)]
  const isLow = group !== all && on < NOTABLE * onward(all, step)
  return (
    <td>
      <span className={styles.bar} data-low={isLow ? '' : undefined} ref={(bar) => bar?.style.setProperty('--share', String(Number.isFinite(share) ? Math.min(1, share) : 0))} aria-hidden="true" />
      <b title={String(group.counts[step])}>{short(group.counts[step]!)}</b> <span className="muted">{step > 1 && percent(share)}</span>
      {step > 0 && Number.isFinite(on) && (
        <small className={isLow ? 'warn' : 'muted'}>
          {percent(on)} went on{isLow && ' ↓'}
        </small>
      )}
    </td>
  )
}
