// One target: how its scrapes go, its labels and where they come from, and the metrics that it has.
import { useRange } from '../../data/prometheus'
import { ago, moment, seconds } from '../../format'
import { Answer } from '../../parts/answer'
import { Drawer } from '../../parts/drawer'
import { Panel } from '../../parts/panel'
import { TimeChart } from '../../parts/time-chart'
import { Link } from '../../router'
import { useTime } from '../../time'
import { JobConfig, MetricsOfTarget } from './target-metrics'
import { Relabelling } from './relabelling'
import { type ActiveTarget, activeKey, selectorOf } from './target-data'
import { HealthBadge, scrapedAt } from './target-tables'

export function TargetDrawer({ target, onClose }: { target: ActiveTarget; onClose: () => void }) {
  return (
    <Drawer title={target.labels.instance ?? target.scrapeUrl} of={activeKey(target)} onClose={onClose} actions={<HealthBadge health={target.health} />}>
      {target.lastError !== '' && (
        <p className="callout" data-tone="bad" role="note">
          {target.lastError}
        </p>
      )}
      <Facts target={target} />
      <Scrapes target={target} />
      <Relabelling job={target.scrapePool} found={target.discoveredLabels} labels={target.labels} />
      <MetricsOfTarget target={target} />
      <JobConfig job={target.scrapePool} />
    </Drawer>
  )
}

function Facts({ target }: { target: ActiveTarget }) {
  const at = scrapedAt(target)
  return (
    <dl className="facts">
      <dt>Address</dt>
      <dd className="mono">{/^https?:/.test(target.scrapeUrl) ? <a href={target.scrapeUrl}>{target.scrapeUrl}</a> : target.scrapeUrl}</dd>
      <dt>Last scrape</dt>
      <dd>{at === null ? 'not yet' : `${ago(at)}, ${moment(at)}; it took ${seconds(target.lastScrapeDuration)}`}</dd>
      <dt>Scraped</dt>
      <dd>
        every {target.scrapeInterval}, for at most {target.scrapeTimeout}
      </dd>
      <dt>Its series</dt>
      <dd>
        <Link to="/metrics" parameters={{ q: selectorOf(target) }} className="mono">
          {selectorOf(target)}
        </Link>
      </dd>
    </dl>
  )
}

/** How long scrapes took, and how much they brought. */
function Scrapes({ target }: { target: ActiveTarget }) {
  const time = useTime()
  const reading = useRange(selectorOf(target, 'scrape_duration_seconds|scrape_samples_scraped|up'), time)
  return (
    <Panel title="Scrapes" level={3} request={reading.request}>
      <Answer reading={reading} what="scrapes of this time" isEmpty={(series) => series.length === 0} empty="It was not scraped in this time.">
        {(series) => {
          const of = (name: string) => series.find(({ labels }) => labels.__name__ === name)
          const [took, samples, up] = [of('scrape_duration_seconds'), of('scrape_samples_scraped'), of('up')]
          const failed = up?.values.filter((value) => value === 0).length ?? 0
          return (
            <>
              {up && <p>{failed === 0 ? 'All scrapes that are looked at succeeded.' : `${failed} of ${up.values.length} that are looked at failed.`}</p>}
              {took && <TimeChart label="How long scrapes took" times={took.times} lines={[{ name: 'took', values: took.values }]} unit="seconds" height={96} from={time.from} to={time.to} sync="target" legend />}
              {samples && <TimeChart label="Samples a scrape" times={samples.times} lines={[{ name: 'samples', values: samples.values, colour: 'var(--series-3)' }]} unit="short" height={96} from={time.from} to={time.to} sync="target" legend />}
            </>
          )
        }}
      </Answer>
    </Panel>
  )
}
