// How far visits come, by how quickly the slowest of their pages was answered.
import { sqlTime, useSql } from '../../data/sql'
import { figures, percent } from '../../format'
import { Answer } from '../../parts/answer'
import { Panel } from '../../parts/panel'
import { useTime } from '../../time'
import styles from './shop.module.css'

const STEPS = [
  ['page', 'Saw a page'],
  ['product', 'Viewed a product'],
  ['cart', 'Put something into the cart'],
  ['paid', 'Paid'],
] as const

type Step = (typeof STEPS)[number][0]
type Visits = Record<Step, number> & { answered: string }
const MINUTE_MS = 60e3

function statementFor(from: number, to: number): string {
  const within = (name: string) => `${name}.time >= ${sqlTime(from)} AND ${name}.time < ${sqlTime(to)}`
  return `WITH steps AS (
  SELECT attr(e.attributes, 'session.id') AS session,
         max(CASE WHEN attr(e.attributes, 'analytics.type') = 'page' THEN 1 ELSE 0 END) AS page,
         max(CASE WHEN e.event_name = 'Product Viewed' THEN 1 ELSE 0 END) AS product,
         max(CASE WHEN e.event_name = 'Product Added' THEN 1 ELSE 0 END) AS cart,
         max(CASE WHEN e.event_name = 'Order Completed' THEN 1 ELSE 0 END) AS paid
  FROM logs e WHERE e.service = 'analytics' AND e.event_name IS NOT NULL AND attr(e.attributes, 'session.id') IS NOT NULL
    AND ${within('e')}
  GROUP BY 1),
slowest AS (
  SELECT attr(e.attributes, 'session.id') AS session, max(s.duration_ns) / 1000000 AS ms
  FROM logs e JOIN spans s ON s.trace_id = e.trace_id
  WHERE e.service = 'analytics' AND e.event_name IS NOT NULL AND ${within('e')}
    AND s.parent_span_id IS NULL AND ${within('s')}
  GROUP BY 1)
SELECT CASE WHEN ms IS NULL THEN 'not traced' WHEN ms < 100 THEN 'below 100 ms' WHEN ms < 500 THEN 'below 500 ms' ELSE 'slower' END AS answered,
       sum(page) AS page, sum(product) AS product, sum(cart) AS cart, sum(paid) AS paid
FROM steps LEFT JOIN slowest ON steps.session = slowest.session GROUP BY 1 ORDER BY 1`
}

export function Funnel() {
  const time = useTime()
  const statement = statementFor(Math.floor(time.from / MINUTE_MS) * MINUTE_MS, Math.ceil(time.to / MINUTE_MS) * MINUTE_MS)
  const reading = useSql(statement)
  return (
    <Panel title="How far visits come" request={reading.request} sql={statement}>
      <Answer reading={reading} what="visits" isEmpty={(rows) => rows.length === 0} empty="No visits in this time. The shop’s pages tell of visitors who agreed to it; a longer time may have some.">
        {(rows) => {
          const visits = rows as unknown as Visits[]
          const all: Visits = { answered: 'all visits', page: sum(visits, 'page'), product: sum(visits, 'product'), cart: sum(visits, 'cart'), paid: sum(visits, 'paid') }
          return (
            <div className={styles.funnels}>
              {[all, ...visits].map((each) => (
                <Steps key={each.answered} visits={each} />
              ))}
            </div>
          )
        }}
      </Answer>
    </Panel>
  )
}

const sum = (visits: Visits[], step: Step) => visits.reduce((sum, each) => sum + Number(each[step]), 0)

function Steps({ visits }: { visits: Visits }) {
  const most = Math.max(1, Number(visits.page))
  return (
    <figure>
      <figcaption>{visits.answered === 'all visits' ? 'All visits' : `Answered: ${visits.answered}`}</figcaption>
      <ol>
        {STEPS.map(([step, name]) => {
          const share = Number(visits[step]) / most
          return (
            <li key={step}>
              <span className={styles.step} ref={(bar) => bar?.style.setProperty('--share', String(Math.min(1, share)))} aria-hidden="true" />
              <span>{name}</span>
              <strong>{figures(Number(visits[step]))}</strong>
              <span className="muted">{percent(share)}</span>
            </li>
          )
        })}
      </ol>
    </figure>
  )
}
