// One service: how it does, who it works with, where it runs, what it says, and what changed at it. From here everything else of it can be reached.
import { colourOf } from '../../colour'
import { promText } from '../../data/prometheus'
import { quotedValue } from '../../data/query-text'
import { sqlText } from '../../data/sql'
import { useSession } from '../../data/session'
import { Button, ButtonLink, Dot, Tabs } from '../../parts/controls'
import type { GraphItem } from '../../parts/graph'
import { addressOf, navigate, oneOf, text, useParameters } from '../../router'
import { useTime } from '../../time'
import { ChangeStrip } from '../overview/change-strip'
import { Failures } from '../../failures/failures'
import { within } from '../../failures/failure-data'
import { PlaceDrawer } from '../overview/place-drawer'
import { useChanges } from '../overview/use-changes'
import { FlagsRead } from './flags-read'
import { Instances } from './instances'
import { LogPatterns } from './log-patterns'
import { Neighbours } from './neighbours'
import { Operations } from './operations'
import { Red } from './red'
import styles from './service.module.css'

const FIELDS = { which: oneOf(['in', 'all'] as const, 'in'), op: text(), client: text(), server: text() }
const WHICH = [
  { name: 'in' as const, label: 'What others ask of it' },
  { name: 'all' as const, label: 'All its spans' },
]

export default function Service({ parts }: { parts: Record<string, string> }) {
  const service = parts.service ?? ''
  const time = useTime()
  const [state, change] = useParameters(FIELDS)
  const hasFlags = useSession().data?.flags ?? false
  const changes = useChanges(time, service)
  const of = { service, which: state.which, operation: state.op }
  const open = (item: GraphItem) => {
    if ('edge' in item) change({ client: item.edge[0], server: item.edge[1] })
    else if (item.node !== service) navigate(addressOf(`/services/${encodeURIComponent(item.node)}`))
  }
  const setOperation = (op: string) => change({ op: op || undefined })
  return (
    <div className="stack">
      <header className="row">
        <Dot colour={colourOf(service)} />
        <h1 className={styles.title} title={service}>{service}</h1>
        <Ways service={service} time={time} />
      </header>
      <ChangeStrip changes={changes} time={time} />
      <div className={styles.which}>
        <Tabs label="Which spans count" tabs={WHICH} open={state.which} onOpen={(which) => change({ which: which === 'in' ? undefined : which })} />
        {state.op !== '' && (
          <span className={styles.chip}>
            <span title={state.op}>{state.op}</span>
            <Button kind="plain" icon="close" label="Look at all operations" onClick={() => setOperation('')} />
          </span>
        )}
      </div>
      <Red of={of} time={time} marks={changes.all} />
      <Operations of={of} time={time} onOpen={setOperation} />
      <Neighbours service={service} time={time} onOpen={open} />
      <div className={styles.columns}>
        <Failures place={{ service }} time={time} level={2} />
        <LogPatterns service={service} time={time} />
      </div>
      <div className={styles.columns}>
        <Instances service={service} time={time} />
        {hasFlags && <FlagsRead service={service} />}
      </div>
      {state.client !== '' && state.server !== '' && <PlaceDrawer place={{ client: state.client, server: state.server }} calls={null} over="" time={time} onClose={() => change({ client: undefined, server: undefined })} />}
    </div>
  )
}

/** The other pages, about this service. */
function Ways({ service, time }: { service: string; time: { from: number; to: number } }) {
  const query = `service:${quotedValue(service)}`
  return (
    <nav className="row" aria-label="This service on other pages">
      <ButtonLink to="/traces" parameters={{ q: query }} icon="traces">
        Traces
      </ButtonLink>
      <ButtonLink to="/logs" parameters={{ q: query }} icon="logs">
        Logs
      </ButtonLink>
      <ButtonLink to="/metrics" parameters={{ q: `{job=~${promText(`(.*/)?${service.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`)}}` }} icon="metrics">
        Metrics
      </ButtonLink>
      <ButtonLink to="/sql" parameters={{ q: `SELECT * FROM spans WHERE service = ${sqlText(service)} AND ${within(time)} ORDER BY time DESC LIMIT 100` }} icon="sql">
        SQL
      </ButtonLink>
      <ButtonLink to="/" parameters={{ service }} icon="overview">
        On the map
      </ButtonLink>
    </nav>
  )
}
