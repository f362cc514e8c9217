// All queries in one chart, with the traces behind measurements.
import { useMemo } from 'react'
import { copy } from '../../data/clipboard'
import { type ApiRequest, asCurl } from '../../data/http'
import { sqlText, sqlTime } from '../../data/sql'
import { figures, moment, seconds, type Unit } from '../../format'
import { Answer, Problem } from '../../parts/answer'
import { Button, ButtonLink, MenuItem, Select } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { TimeChart } from '../../parts/time-chart'
import { addressOf, Link, navigate, useParameters } from '../../router'
import { type TimeRange, useTime } from '../../time'
import styles from './metrics.module.css'
import { type Found, linesOf, MOST_LINES, unitOf } from './series'
import { type Asked, METRIC_FIELDS } from './state'
import { type TracedValue, useExemplars } from './exemplars'
import { useRanges } from './use-ranges'

const UNITS: [Unit, string][] = [
  ['short', 'Numbers'],
  ['per-second', 'A second'],
  ['percent', 'Percent of 1'],
  ['seconds', 'Seconds'],
  ['ms', 'Milliseconds'],
  ['ns', 'Nanoseconds'],
  ['bytes', 'Bytes'],
]
const STEPS = [1, 5, 15, 60, 300, 900, 3600]

/** Returns the statement that says the same. */
const promSql = (query: string, time: TimeRange, step: number) =>
  `SELECT time, labels, value\nFROM promql(${sqlText(query)}, ${sqlTime(time.from)}, ${sqlTime(time.to)}, '${step}s')\nORDER BY time`

export function GraphPanel({ asked }: { asked: Asked[] }) {
  const [state, change] = useParameters(METRIC_FIELDS)
  const time = useTime()
  const step = state.step > 0 ? state.step : time.step
  const { reading, failures, notes, requests } = useRanges(asked, time, step)
  const chart = useMemo(() => linesOf(reading.data ?? []), [said(reading.data)])
  const unit: Unit = state.unit === '' ? unitOf(asked[0]?.text ?? '') : state.unit
  const traced = useExemplars(state.exemplars ? asked : [], time)
  const most = Math.max(0, ...chart.lines.flatMap(({ values }) => values.map((value) => value ?? 0)))
  return (
    <Panel
      title="Graph"
      request={requests[0]}
      sql={asked[0] && promSql(asked[0].text, time, step)}
      menu={requests.length > 1 ? <MoreRequests requests={requests} asked={asked} /> : undefined}
      actions={
        <>
          <Button kind="plain" aria-pressed={state.exemplars} onClick={() => change({ exemplars: !state.exemplars })}>
            Exemplars
          </Button>
          <Button kind="plain" aria-pressed={state.draw === 'stacked'} onClick={() => change({ draw: state.draw === 'stacked' ? undefined : 'stacked' })}>
            Stacked
          </Button>
          <Select aria-label="Unit" value={state.unit} onChange={(event) => change({ unit: event.target.value })}>
            <option value="">Unit by name</option>
            {UNITS.map(([unit, name]) => (
              <option key={unit} value={unit}>
                {name}
              </option>
            ))}
          </Select>
          <Select aria-label="From point to point" value={state.step} onChange={(event) => change({ step: Number(event.target.value) || undefined })}>
            <option value={0}>Step {seconds(time.step)}</option>
            {STEPS.map((step) => (
              <option key={step} value={step}>
                {seconds(step)}
              </option>
            ))}
          </Select>
        </>
      }
    >
      {failures.map(({ letter, error, retry }) => (
        <Problem key={letter} error={asked.length > 1 ? new Error(`${letter}: ${error.message}`) : error} onRetry={retry} />
      ))}
      {failures.length < asked.length && (
        <Answer reading={reading} what="series" isEmpty={() => chart.lines.length === 0} empty={<Empty />}>
          {() => (
            <>
              <TimeChart
                label="What the queries say"
                times={chart.times}
                lines={chart.lines}
                unit={unit}
                kind={state.draw === 'stacked' ? 'stacked' : 'lines'}
                height={340}
                from={time.from}
                to={time.to}
                legend
                exemplars={traced.values.filter(({ value }) => value <= most * 1.05).map((each) => ({ time: each.time, value: each.value, onOpen: () => navigate(traceAddress(each)) }))}
              />
              {chart.all > chart.lines.length && <p className="muted">Of {figures(chart.all)} series the {MOST_LINES} with the greatest values are drawn. Narrow them with topk, or by a label.</p>}
            </>
          )}
        </Answer>
      )}
      {notes.map((note) => (
        <p key={note} className={styles.note}>
          {note}
        </p>
      ))}
      {traced.error && <Problem error={traced.error} />}
      {state.exemplars && traced.isRead && <Traced values={traced.values} unit={unit} />}
    </Panel>
  )
}

/** Changes when what was found does: an array of the same answers is made anew each time. */
const said = (found: Found[] | undefined) => (found ?? []).map(({ letter, series }) => `${letter}${series.length}:${series.map(({ times, values }) => `${times.length},${times.at(-1)},${values.at(-1)}`).join(';')}`).join('|')

const traceAddress = ({ traceId, spanId }: TracedValue) => addressOf(`/trace/${traceId}`, { span: spanId })

const Empty = () => (
  <>
    No series at this time. Is the name spelt as it is in the explorer, and are the labels too?
    <ButtonLink change={{ view: 'explain' }}>Where does it become empty?</ButtonLink>
  </>
)

function MoreRequests({ requests, asked }: { requests: ApiRequest[]; asked: Asked[] }) {
  return requests.slice(1).map((request, place) => (
    <MenuItem key={request.path} icon="copy" onChoose={() => copy(asCurl(request))}>
      Copy {asked[place + 1]?.letter} as curl
    </MenuItem>
  ))
}

const MOST_TRACED = 20

function Traced({ values, unit }: { values: TracedValue[]; unit: Unit }) {
  if (values.length === 0) return <p className="muted">No exemplars: these metrics have none at this time, or the query does not name one.</p>
  const greatest = values.toSorted((a, b) => b.value - a.value).slice(0, MOST_TRACED)
  return (
    <details className={styles.traced} open>
      <summary>
        {figures(values.length)} exemplars; those with the greatest values{unit === 'seconds' ? ', the slowest' : ''}:
      </summary>
      <ul>
        {greatest.map((each) => (
          <li key={`${each.traceId}${each.spanId}${each.time}`}>
            <Link to={`/trace/${each.traceId}`} parameters={{ span: each.spanId }}>
              {unit === 'seconds' ? seconds(each.value) : figures(each.value)}
            </Link>{' '}
            <span className="muted">
              {moment(each.time)} · {each.labels}
            </span>
          </li>
        ))}
      </ul>
    </details>
  )
}
