// The alerts that fire now, the worst first.
import { useApi } from '../../data/use-api'
import { ago } from '../../format'
import { Answer } from '../../parts/answer'
import { Badge } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { Link } from '../../router'
import type { TimeRange } from '../../time'
import { type SentAlert, severityRank, severityTone } from '../alerts/model'
import styles from './overview.module.css'

const MOST = 8
const AGAIN_MS = 5000

const rank = ({ labels }: SentAlert) => severityRank(labels.severity ?? '')

export function FiringAlerts({ time }: { time: TimeRange }) {
  const alerts = useApi<SentAlert[]>({ path: '/alertmanager/api/v2/alerts' }, { refetchMs: time.isLive ? AGAIN_MS : false })
  const count = alerts.data?.length ?? 0
  return (
    <Panel title={count > 0 ? `Firing alerts (${count})` : 'Firing alerts'} request={alerts.request} actions={<Link to="/alerts">All alerts</Link>}>
      <Answer reading={alerts} what="firing alerts" isEmpty={(all) => all.length === 0} empty={<Quiet />}>
        {(all) => (
          <ul className={styles.alerts}>
            {all
              .toSorted((a, b) => rank(a) - rank(b) || Date.parse(b.startsAt) - Date.parse(a.startsAt))
              .slice(0, MOST)
              .map((alert) => (
                <AlertLine key={alert.fingerprint} alert={alert} />
              ))}
            {all.length > MOST && <li className="muted">and {all.length - MOST} more</li>}
          </ul>
        )}
      </Answer>
    </Panel>
  )
}

function AlertLine({ alert: { labels, annotations, startsAt, status } }: { alert: SentAlert }) {
  const severity = labels.severity ?? 'no severity'
  const text = annotations.summary ?? annotations.description ?? annotations.message
  return (
    <li>
      <Badge tone={severityTone(severity)} icon="alerts">
        {severity.slice(0, 40)}
      </Badge>
      <div>
        <Link to="/alerts" parameters={{ find: labels.alertname }}>
          {labels.alertname ?? 'An alert without a name'}
        </Link>{' '}
        {labels.service && <Link to={`/services/${encodeURIComponent(labels.service)}`}>{labels.service}</Link>}
        {text && <p>{text}</p>}
        <small>
          began {ago(Date.parse(startsAt))}
          {status.silencedBy.length > 0 && ' · silenced'}
          {status.inhibitedBy.length > 0 && ' · inhibited by another'}
        </small>
      </div>
    </li>
  )
}

const Quiet = () => (
  <span className={styles.quiet}>
    <Badge tone="ok" icon="check">
      quiet
    </Badge>
    No alert fires.
  </span>
)
