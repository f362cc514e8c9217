// What a service logs, by pattern.
import { withParameters } from '../../data/http'
import { quotedValue } from '../../data/query-text'
import { useApi } from '../../data/use-api'
import { ago, short } from '../../format'
import { Answer } from '../../parts/answer'
import { Badge, type Tone } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { Link } from '../../router'
import type { TimeRange } from '../../time'
import styles from './service.module.css'

interface Patterns {
  complete: boolean
  visited: number
  other: number
  patterns: { template: number; pattern: string; records: number; levels: Record<string, number>; last: string; example: string }[]
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
            {found.patterns.map(({ template, pattern, records, levels, last, example }) => {
              const level = WORST.find((name) => (levels[name] ?? 0) > 0) ?? 'unknown'
              return (
                <li key={template}>
                  <Badge tone={TONES[level]} icon={TONES[level] && 'error'}>
                    {level}
                  </Badge>
                  <Link to="/logs" parameters={{ q: `${query} template:${template}` }} title={example.slice(0, 500)}>
                    {pattern}
                  </Link>
                  <b>{short(records)}</b>
                  <small>{ago(Date.parse(last))}</small>
                </li>
              )
            })}
            {!found.complete && <li className="muted">of {short(found.visited)} records; there are more</li>}
          </ul>
        )}
      </Answer>
    </Panel>
  )
}
