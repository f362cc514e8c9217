// There are no records: which condition left none, or how to send some.
import { conditionsOf, withoutOne } from '../../data/query-text'
import { useApi } from '../../data/use-api'
import { figures } from '../../format'
import { Button } from '../../parts/controls'
import { Link } from '../../router'
import { setTime } from '../../time'
import { countsRequest, type CountsAnswer, type Scope } from './log-api'
import styles from './logs.module.css'

/** Conditions without which it is tried. */
const MOST = 6
const DAY_MS = 86400e3

export function Nothing({ scope }: { scope: Scope }) {
  const conditions = conditionsOf(scope.query)?.filter((condition) => condition !== '*') ?? [scope.query]
  const isAll = scope.query.trim() === '' || conditions.length === 0
  return (
    <div className={styles.nothing}>
      <strong>{isAll ? 'Nothing was logged in this time.' : 'No record of this time is found by the query.'}</strong>
      {!isAll && (
        <ul>
          {conditions.slice(0, MOST).map((condition, place) => (
            <Without key={place} scope={{ ...scope, query: conditions.length === 1 ? '' : withoutOne(conditions, place) }} condition={condition} />
          ))}
        </ul>
      )}
      <Earlier scope={{ ...scope, from: scope.to - 7 * DAY_MS }} />
      {isAll && <p>Send log records by OTLP to port 4318, or with what ships logs already: docs/guide/receiving.md says how.</p>}
    </div>
  )
}

const sum = (answer: CountsAnswer | undefined) => answer?.counts.reduce((sum, { records }) => sum + records, 0)

function Without({ scope, condition }: { scope: Scope; condition: string }) {
  const found = sum(useApi<CountsAnswer>(countsRequest(scope, '31d')).data)
  return (
    <li>
      {found === undefined ? '…' : figures(found)} without <code>{condition}</code>{' '}
      {found !== undefined && found > 0 && <Link change={{ q: scope.query, query: undefined }}>Take it away</Link>}
    </li>
  )
}

function Earlier({ scope }: { scope: Scope }) {
  const found = sum(useApi<CountsAnswer>(countsRequest(scope, '31d')).data)
  if (!found) return null
  return (
    <p>
      {figures(found)} in the last week. <Button onClick={() => setTime('now-7d')}>Look at it</Button>
    </p>
  )
}
