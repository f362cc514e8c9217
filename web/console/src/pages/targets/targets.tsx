// Targets: what is scraped and how that goes, and what the rules of a job leave out.
import { useRef } from 'react'
import { useAgain } from '../../data/use-again'
import { useApi } from '../../data/use-api'
import { useKeys } from '../../keys'
import { Answer } from '../../parts/answer'
import { Badge, Button, Input, Select, Tabs } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { Link, oneOf, text, useParameters } from '../../router'
import { useTime } from '../../time'
import { DroppedDrawer } from './dropped-drawer'
import { activeKey, activeOf, droppedKey, droppedOf, HEALTHS, jobsOf, type Shown, type Targets } from './target-data'
import { TargetDrawer } from './target-drawer'
import { ActiveTable, DroppedTable } from './target-tables'
import styles from './targets.module.css'

const TABS = ['active', 'dropped'] as const
const FIELDS = { tab: oneOf(TABS, 'active'), health: oneOf(['all', ...HEALTHS] as const, 'all'), job: text(), q: text(), target: text() }
const TARGETS = { path: '/prometheus/api/v1/targets' }

export default function Page() {
  const time = useTime()
  const [{ tab, target, ...shown }, change] = useParameters(FIELDS)
  const reading = useApi(TARGETS, { read: (json) => (json as { data: Targets }).data })
  useAgain([reading], time)
  const active = reading.data?.activeTargets.find((each) => activeKey(each) === target)
  const dropped = reading.data?.droppedTargets.find((each) => droppedKey(each) === target)
  const close = () => change({ target: undefined })
  return (
    <div className="stack">
      <header className="page-head">
        <h1>Targets</h1>
        <p className="muted">What the observatory asks for metrics, and how that goes.</p>
      </header>
      <Answer reading={reading} what="targets" isEmpty={isEmpty} empty={<Nothing />}>
        {(targets) => (
          <div className="stack">
            <Jobs targets={targets} shown={shown} />
            <Filters targets={targets} shown={shown} tab={tab} onChange={change} />
            <Panel title={tab === 'active' ? 'Scraped' : 'Dropped by the rules of their job'} request={reading.request} flush>
              {tab === 'active' ? (
                <ActiveTable targets={activeOf(targets, shown)} open={target} onOpen={(target) => change({ target })} nothing={<NoneFits shown={shown} onChange={change} />} />
              ) : (
                <DroppedTable targets={droppedOf(targets, shown)} notKept={notKept(targets, shown.job)} open={target} onOpen={(target) => change({ target })} nothing={targets.droppedTargets.length === 0 ? 'No target is dropped.' : <NoneFits shown={shown} onChange={change} />} />
              )}
            </Panel>
          </div>
        )}
      </Answer>
      {active && <TargetDrawer target={active} onClose={close} />}
      {!active && dropped && <DroppedDrawer target={dropped} onClose={close} />}
    </div>
  )
}

const isEmpty = ({ activeTargets, droppedTargets, droppedTargetCounts }: Targets) => activeTargets.length + droppedTargets.length + Object.keys(droppedTargetCounts).length === 0

/** Returns how many dropped targets are counted, and not listed. */
function notKept({ droppedTargets, droppedTargetCounts }: Targets, job: string): number {
  const counted = Object.entries(droppedTargetCounts).reduce((sum, [name, count]) => (job === '' || name === job ? sum + count : sum), 0)
  return counted - droppedTargets.filter(({ scrapePool }) => job === '' || scrapePool === job).length
}

/** Each job with how many of its targets answer. */
function Jobs({ targets, shown }: { targets: Targets; shown: Shown }) {
  return (
    <ul className={styles.jobs} aria-label="Jobs">
      {jobsOf(targets).map(({ job, up, all, dropped }) => (
        <li key={job}>
          <Link change={{ job: shown.job === job ? undefined : job, target: undefined }} aria-current={shown.job === job ? 'true' : undefined}>
            <span className={`cut ${styles.job}`} title={job}>
              {job}
            </span>
            <Badge tone={up === all ? 'ok' : 'bad'} icon={up === all ? 'check' : 'error'}>
              {all === 0 ? 'no targets' : `${up} of ${all} up`}
            </Badge>
            {dropped > 0 && <small>{dropped} dropped</small>}
          </Link>
        </li>
      ))}
    </ul>
  )
}

type Change = (parameters: Record<string, string | undefined>, options?: { replace?: boolean }) => void

function Filters({ targets, shown, tab, onChange }: { targets: Targets; shown: Shown; tab: (typeof TABS)[number]; onChange: Change }) {
  const bar = useRef<HTMLDivElement>(null)
  useKeys('Targets', [{ keys: '/', does: 'Filter targets', run: () => bar.current?.querySelector('input')?.focus() }])
  const count = (health: (typeof HEALTHS)[number]) => targets.activeTargets.filter((target) => target.health === health).length
  const dropped = Object.values(targets.droppedTargetCounts).reduce((sum, count) => sum + count, 0)
  return (
    <div className="row" ref={bar}>
      <Tabs
        label="Targets"
        open={tab}
        onOpen={(tab) => onChange({ tab: tab === 'active' ? undefined : tab, target: undefined })}
        tabs={[
          { name: 'active', label: `Scraped (${targets.activeTargets.length})` },
          { name: 'dropped', label: `Dropped (${dropped})` },
        ]}
      />
      <Input type="search" className={styles.filter} aria-label="Filter by address, label or error" placeholder="Address, label or error" value={shown.q} onChange={(event) => onChange({ q: event.target.value }, { replace: true })} />
      {tab === 'active' && (
        <Select aria-label="Health" value={shown.health} onChange={(event) => onChange({ health: event.target.value === 'all' ? undefined : event.target.value })}>
          <option value="all">Any health</option>
          {HEALTHS.map((health) => (
            <option key={health} value={health}>
              {health} ({count(health)})
            </option>
          ))}
        </Select>
      )}
    </div>
  )
}

/** Which filters leave nothing, each with what takes it away. */
function NoneFits({ shown, onChange }: { shown: Shown; onChange: Change }) {
  return (
    <div className={styles.none}>
      No target fits.
      {shown.q !== '' && <Button icon="close" onClick={() => onChange({ q: undefined })}>{`Without “${shown.q.slice(0, 40)}”`}</Button>}
      {shown.job !== '' && <Button icon="close" onClick={() => onChange({ job: undefined })}>{`Without the job ${shown.job.slice(0, 40)}`}</Button>}
      {shown.health !== 'all' && <Button icon="close" onClick={() => onChange({ health: undefined })}>{`Without “${shown.health}”`}</Button>}
    </div>
  )
}

const EXAMPLE = `[observatory.scrape]
config = "prometheus.yml"`

const Nothing = () => (
  <div className={styles.nothing}>
    <p>Nothing is scraped. A configuration as Prometheus has it is named in the settings of the observatory:</p>
    <pre className="listing" tabIndex={0}>{EXAMPLE}</pre>
  </div>
)
