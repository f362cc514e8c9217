// What is known of a service, or of the calls of one to another: beside the map.
import { useMemo } from 'react'
import { rangeRequest, readSeries, type Series } from '../../data/prometheus'
import { quotedValue } from '../../data/query-text'
import { useApi } from '../../data/use-api'
import { percent, seconds } from '../../format'
import { Answer } from '../../parts/answer'
import { Badge, ButtonLink } from '../../parts/controls'
import { Drawer } from '../../parts/drawer'
import { Panel } from '../../parts/panel'
import { TimeChart } from '../../parts/time-chart'
import type { TimeRange } from '../../time'
import { Failures, SlowCalls } from '../../failures/failures'
import type { Place } from '../../failures/failure-data'
import { type Calls, failedShare, toneOf } from './map-data'
import styles from './overview.module.css'
import { placeQuery } from './place-query'
import { rateText } from './service-map'

interface PlaceDrawerProps {
  place: Place
  /** As the map has it; null where the map does not have it any more. */
  calls: Calls | null
  /** Over which time that is: "5 min". */
  over: string
  time: TimeRange
  onClose: () => void
}

export function PlaceDrawer({ place, calls, over, time, onClose }: PlaceDrawerProps) {
  const title = 'service' in place ? place.service : `${place.client} → ${place.server}`
  const services = 'service' in place ? [place.service] : [place.client, place.server]
  return (
    <Drawer title={title} of={title} onClose={onClose}>
      {calls && <Figures calls={calls} over={over} />}
      <Failures place={place} time={time} />
      <PlaceChart place={place} time={time} />
      <SlowCalls place={place} time={time} />
      <div className="row">
        {services.map((service) => (
          <ButtonLink key={service} to={`/services/${encodeURIComponent(service)}`} icon="overview">
            {service}
          </ButtonLink>
        ))}
        <ButtonLink to="/traces" parameters={{ q: `service:${quotedValue(services.at(-1)!)} status:error` }} icon="traces">
          Failed traces
        </ButtonLink>
        <ButtonLink to="/logs" parameters={{ q: `service:${quotedValue(services.at(-1)!)}` }} icon="logs">
          Logs
        </ButtonLink>
      </div>
    </Drawer>
  )
}

function Figures({ calls, over }: { calls: Calls; over: string }) {
  const tone = toneOf(calls)
  return (
    <dl className={styles.figures}>
      <div data-tone={tone}>
        <dt>Failed</dt>
        <dd>
          {percent(failedShare(calls))}{' '}
          {tone && (
            <Badge tone={tone} icon="error">
              {tone === 'bad' ? 'many' : 'some'}
            </Badge>
          )}
        </dd>
      </div>
      <div>
        <dt>p95</dt>
        <dd>{Number.isNaN(calls.p95) ? '–' : seconds(calls.p95)}</dd>
      </div>
      <div>
        <dt>Rate</dt>
        <dd>{rateText(calls.rate)}</dd>
      </div>
      <div>
        <dt>Over</dt>
        <dd>{over}</dd>
      </div>
    </dl>
  )
}

function PlaceChart({ place, time }: { place: Place; time: TimeRange }) {
  const request = rangeRequest(placeQuery(place, time.step), time)
  const found = useApi(request, { read: readSeries })
  return (
    <Panel level={3} title="Rate and failures" request={found.request}>
      <Answer reading={found} what="rate and failures" isEmpty={(series) => series.length === 0} empty="There were no calls in this time.">
        {(series) => <RateChart series={series} time={time} />}
      </Answer>
    </Panel>
  )
}

function RateChart({ series, time }: { series: Series[]; time: TimeRange }) {
  const data = useMemo(() => {
    const of = (name: string) => series.find(({ labels }) => labels.is === name)
    const times = of('calls')?.times ?? []
    const valuesOf = (name: string) => {
      const found = new Map(of(name)?.times.map((time, place) => [time, of(name)!.values[place]!]))
      return times.map((time) => found.get(time) ?? null)
    }
    return { times, lines: [{ name: 'all', colour: 'var(--glass)', values: valuesOf('calls') }, { name: 'failed', colour: 'var(--bad)', values: valuesOf('failed') }] }
  }, [series])
  return <TimeChart label="Calls per second, and how many of them failed" {...data} unit="per-second" kind="area" height={130} from={time.from} to={time.to} />
}
