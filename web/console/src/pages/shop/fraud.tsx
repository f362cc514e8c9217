// What was found suspicious about orders, and why.
import { Answer } from '../../parts/answer'
import { Badge, type Tone } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { Panel } from '../../parts/panel'
import { text, useParameters } from '../../router'
import type { Assessment, Page } from './api'
import { useShop } from './api'
import { Filter, NothingFits, PAGE_SIZE, Pager, ToTab, When } from './list'
import styles from './shop.module.css'

const FIELDS = { cursor: text(), min_score: text() }
const TONES: Record<string, Tone> = { clear: 'ok', clean: 'ok', suspicious: 'warn', fraudulent: 'bad', rejected: 'bad' }
const SCORES: [string, string][] = [
  ['1', '1 point or more'],
  ['30', '30 or more'],
  ['60', '60 or more'],
  ['90', '90 or more'],
]

export function Fraud() {
  const [{ cursor, min_score }, change] = useParameters(FIELDS)
  const reading = useShop<Page<Assessment>>('admin/fraud/assessments', { cursor, min_score, limit: PAGE_SIZE })
  const anew = (min_score: string | undefined) => change({ min_score, cursor: undefined })
  return (
    <Panel title={min_score === '' ? 'Assessments, the newest first' : 'Assessments, the highest score first'} request={reading.request} flush actions={<Filter label="Score" all="Every score" value={min_score} values={SCORES} onChoose={anew} />}>
      <Answer reading={reading} what="assessments" isEmpty={({ items }) => items.length === 0} empty={<NothingFits what="assessments" filters={[min_score && `${min_score} points or more`]} onAll={() => anew(undefined)} />}>
        {({ items, next_cursor }) => (
          <>
            <DataTable label="Fraud assessments" columns={COLUMNS} rows={items} rowKey={({ order_id }) => order_id} />
            <Pager cursor={cursor} next={next_cursor} />
          </>
        )}
      </Answer>
    </Panel>
  )
}

const COLUMNS: Column<Assessment>[] = [
  { name: 'at', heading: 'Assessed', cell: ({ at }) => <When at={at} /> },
  {
    name: 'score',
    heading: 'Score',
    cell: ({ score }) => (
      <span className={styles.score}>
        <progress max={100} value={score} aria-label={`${score} points`} /> {score}
      </span>
    ),
  },
  { name: 'verdict', heading: 'Verdict', cell: ({ verdict }) => <Badge tone={TONES[verdict]} icon={TONES[verdict] === 'ok' ? 'check' : 'error'}>{verdict}</Badge> },
  { name: 'findings', heading: 'Findings', wide: true, cell: ({ findings }) => <span title={findings.map(({ rule, points, explanation }) => `+${points} ${rule}: ${explanation}`).join('\n')}>{findings.map(({ points, explanation }) => `+${points} ${explanation}`).join(' · ') || 'none'}</span> },
  { name: 'order', heading: 'Order', cell: ({ order_id }) => <ToTab tab="orders" parameters={{ open: order_id }} mono>…{order_id.slice(-8)}</ToTab> },
  { name: 'customer', heading: 'Customer', cell: ({ customer_id }) => <ToTab tab="customers" parameters={{ open: customer_id }} mono>…{customer_id.slice(-6)}</ToTab> },
]
