// Messages that are the same but for their values, each with how many there are, when, and buttons to see only them, or all others.
import { useQuery } from '@tanstack/react-query'
import { useMemo, useRef } from 'react'
import { jsonOf } from '../../data/http'
import { withWritten } from '../../data/query-text'
import { AGAIN, queryOf, useApi } from '../../data/use-api'
import { ago, figures, percent } from '../../format'
import { Answer } from '../../parts/answer'
import { Badge, ButtonLink } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { Panel } from '../../parts/panel'
import { Sparkline } from '../../parts/sparkline'
import { useSeen } from '../../parts/use-seen'
import { barsOf } from './bars'
import { countsRequest, type CountsAnswer, type Level, LEVELS, type Pattern, type PatternsAnswer, patternsRequest, type Scope } from './log-api'
import { logSql } from './log-sql'
import styles from './pattern-table.module.css'
import { inTurn } from './turns'

/** What stands for a value in a pattern. */
const MASKED = '<*>'
/** Points of a trend. */
const POINTS = 24

export function PatternTable({ scope }: { scope: Scope }) {
  const request = patternsRequest(scope)
  const reading = useApi<PatternsAnswer>(request, { staleMs: 20_000 })
  const columns = useMemo(() => columnsOf(scope, reading.data?.visited ?? 0), [scope, reading.data])
  return (
    <Panel title="Patterns" request={request} sql={logSql(scope)} flush className={styles.panel}>
      <div className={styles.table}>
        <Answer reading={reading} what="patterns" isEmpty={({ patterns }) => patterns.length === 0} empty="No record, no patterns.">
          {({ patterns, visited, complete, distinct, other }) => (
            <>
              <DataTable label="Patterns of messages" columns={columns} rows={patterns} rowKey={({ template }) => String(template)} />
              <p className={styles.note}>
                {complete ? `All ${figures(visited)} records were looked at.` : `${figures(visited)} records were looked at; there are more.`} {distinct > patterns.length && `${figures(distinct)} patterns; the most frequent are shown.`} {other > 0 && `${figures(other)} records have rarer ones.`}
              </p>
            </>
          )}
        </Answer>
      </div>
    </Panel>
  )
}

function columnsOf(scope: Scope, visited: number): Column<Pattern>[] {
  return [
    { name: 'records', heading: 'Records', end: true, sort: ({ records }) => records, cell: ({ records }) => <span title={`${percent(records / Math.max(1, visited))} of those that were looked at`}>{figures(records)}</span> },
    { name: 'trend', heading: 'Over time', cell: (pattern) => <Trend pattern={pattern} scope={scope} /> },
    { name: 'level', heading: 'Levels', sort: ({ levels }) => LEVELS.findIndex((level) => levels[level]), cell: ({ levels }) => <Levels levels={levels} /> },
    { name: 'pattern', heading: 'Pattern', wide: true, cell: (pattern) => <PatternText pattern={pattern} /> },
    { name: 'choose', heading: <span className="sr-only">Choose</span>, cell: ({ template }) => <Choose template={template} query={scope.query} /> },
    { name: 'services', heading: 'Services', cell: ({ services }) => services.join(', ') },
    { name: 'last', heading: 'Newest', sort: ({ last }) => Date.parse(last), cell: ({ last }) => ago(Date.parse(last)) },
  ]
}

const TONES: Partial<Record<Level, 'bad' | 'warn' | 'info'>> = { fatal: 'bad', error: 'bad', warn: 'warn', info: 'info' }

function Levels({ levels }: { levels: Pattern['levels'] }) {
  return (
    <>
      {LEVELS.filter((level) => levels[level]).map((level) => (
        <Badge key={level} tone={TONES[level]}>
          {level}
        </Badge>
      ))}
    </>
  )
}

function PatternText({ pattern: { pattern, example } }: { pattern: Pattern }) {
  const parts = pattern.split(MASKED)
  return (
    <code className={styles.pattern} title={example}>
      {parts.map((part, place) => (
        <span key={place}>
          {place > 0 && <i>∗</i>}
          {part}
        </span>
      ))}
    </code>
  )
}

function Choose({ template, query }: { template: number; query: string }) {
  const change = (isNot: boolean) => ({ q: withWritten(query, `${isNot ? '-' : ''}template:${template}`), query: undefined })
  return (
    <span className={styles.choose}>
      <ButtonLink change={{ ...change(false), view: undefined }}>Only</ButtonLink>
      <ButtonLink change={change(true)}>Not</ButtonLink>
    </span>
  )
}

/** How many there were over time. It is read when one sees it, few at a time. */
function Trend({ pattern: { template, records }, scope }: { pattern: Pattern; scope: Scope }) {
  const place = useRef<HTMLSpanElement>(null)
  const isSeen = useSeen(place)
  const step = Math.max(1, Math.ceil((scope.to - scope.from) / 1000 / POINTS))
  const request = countsRequest({ ...scope, query: withWritten(scope.query, `template:${template}`) }, `${step}s`)
  const query = queryOf(request, jsonOf<CountsAnswer>, 20_000)
  const { data } = useQuery({ ...query, queryFn: (asked) => inTurn(() => query.queryFn(asked)), enabled: isSeen, ...AGAIN })
  const values = data && barsOf(data.counts, scope, step * 1000).map(({ total }) => total)
  return (
    <span ref={place} className={styles.trend} title={`${figures(records)} records`}>
      {values && <Sparkline values={values} width={96} />}
    </span>
  )
}
