// How far visits came, by how quickly the slowest of their pages was answered, and the traces of those pages: for a page, and for a tab of the shop.
import { useSql } from '../../data/sql'
import { useAgain } from '../../data/use-again'
import { percent } from '../../format'
import { Answer } from '../../parts/answer'
import { Panel } from '../../parts/panel'
import { SpanChoice, spanField, timeOfSpan } from '../../parts/span-choice'
import { Link, text, useParameters } from '../../router'
import { useTime } from '../../time'
import { Funnel } from './funnel'
import { extremes, type Group, groupsOf, shareOf } from './funnel-data'
import { SlowTraces } from './slow-traces'
import { funnelStatement, within } from './visit-statements'
import styles from './visits.module.css'

const FIELDS = { over: spanField('1d'), answered: text() }

export function Visits() {
  const time = useTime()
  const [{ over, answered }, change] = useParameters(FIELDS)
  const isWithin = within(over, timeOfSpan(over, time))
  const statement = funnelStatement(isWithin)
  const reading = useSql(statement)
  useAgain([reading], time)
  return (
    <>
      <Panel title="How far visits came" request={reading.request} sql={statement} actions={<SpanChoice label="Visits of" span={over} onChoose={(over) => change({ over: over === '1d' ? undefined : over })} />} flush>
        <Answer reading={reading} what="visits" isEmpty={(rows) => rows.length === 0} empty={<NoVisits isShort={over === 'time' || over === '1d'} />}>
          {(rows) => {
            const groups = groupsOf(rows)
            return (
              <>
                <Said groups={groups} />
                <Funnel groups={groups} open={answered} />
              </>
            )
          }}
        </Answer>
        <details className={styles.statement}>
          <summary>The statement</summary>
          <pre className="listing" tabIndex={0}>{statement}</pre>
        </details>
      </Panel>
      {(reading.data?.length ?? 0) > 0 && <SlowTraces within={isWithin} answered={answered} time={time} />}
    </>
  )
}

/** What the figures say of the quickest and the slowest. */
function Said({ groups }: { groups: Group[] }) {
  const found = extremes(groups)
  if (found === null) return null
  const last = found[0].counts.length - 1
  const [quick, slow] = found
  return (
    <p className={styles.said}>
      Of {quick.counts[0]} visits that were answered {quick.title}, <b>{percent(shareOf(quick, last))}</b> paid; of {slow.counts[0]} answered {slow.title}, <b>{percent(shareOf(slow, last))}</b>.
    </p>
  )
}

const NoVisits = ({ isShort }: { isShort: boolean }) => (
  <div className={styles.none}>
    <p>No visits in this time. The shop's pages tell of visitors who agreed to it.</p>
    {isShort && <Link change={{ over: '7d' }}>Look at the last week</Link>}
    <Link to="/logs" parameters={{ q: 'service:analytics' }}>What analytics told</Link>
  </div>
)
