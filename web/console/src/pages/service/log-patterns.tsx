// What a service logs, by pattern.
import { withParameters } from '../../data/http'
import { useApi } from '../../data/use-api'
import { ago, short } from '../../format'
import { Answer } from '../../parts/answer'
import { Badge, type Tone } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { quotedValue } from '../../parts/query-field'
import { Link } from '../../router'
import type { TimeRange } from '../../time'
import styles from './service.module.css'

interface Patterns {
  complete: boolean
  visited: number
  other: number
  patterns: { pattern: string; records: number; levels: Record<string, number>; last: string; example: string }[]
}

const MOST = 12
const GRAIN_MS = 10_000
const TONES: Record<string, Tone> = { fatal: 'bad', error: 'bad', warn: 'warn' }
const WORST = ['fatal', 'error', 'warn', 'info', 'debug', 'trace']

export function LogPatterns({ service, time }: { service: string; time: TimeRange }) {
  const query = `service:${quotedValue(service)}`
  const [start, end] = [Math.floor(time.from / GRAIN_MS) * GRAIN_MS, Math.ceil(time.to / GRAIN_MS) * GRAIN_MS]
  const patterns = useApi<Patterns>({ path: withParameters('/api/logs/patterns', { query, start, end, limit: MOST }) })
  return (
    <Panel title="Log patterns" request={patterns.request} actions={<Link to="/logs" parameters={{ q: query }}>All its logs</Link>}>
      <Answer reading={patterns} what="log patterns" isEmpty={(found) => found.patterns.length === 0} empty="It logged nothing in this time.">
        {(found) => (
          <ul className={styles.patterns}>
            {found.patterns.map(({ pattern, records, levels, last, example }) => {
              const level = WORST.find((name) => (levels[name] ?? 0) > 0) ?? 'unknown'
              return (
                <li key={pattern}>
                  <Badge tone={TONES[level]} icon={TONES[level] && 'error'}>
                    {level}
                  </Badge>
                  <Link to="/logs" parameters={{ q: `${query} ${phrase(example)}` }} title={example.slice(0, 500)}>
                    {pattern}
                  </Link>
                  <b>{short(records)}</b>
                  <small>{ago(Date.parse(last))}</small>
                </li>
              )
            })}
            {!found.complete && <li className="muted">of the newest {short(found.visited)} records</li>}
          </ul>
        )}
      </Answer>
    </Panel>
  )
}

/** The words that such records have in common, as far as one example tells: up to the first that has a digit. */
function phrase(example: string): string {
  const words = /^(?:[^\W\d]+\W+){0,7}[^\W\d]*/.exec(example)?.[0].trim() ?? ''
  return words === '' ? '' : `message:"${words.replace(/[\\"]/g, '\\$&')}"`
}
