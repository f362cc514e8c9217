// Letters: those to who is signed in, and how many the shop sent of each kind.
import { ApiError } from '../../data/http'
import { rangeRequest, useRange } from '../../data/prometheus'
import { Answer } from '../../parts/answer'
import { Badge } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { Drawer } from '../../parts/drawer'
import { Panel } from '../../parts/panel'
import { TimeChart } from '../../parts/time-chart'
import { text, useParameters } from '../../router'
import { useTime } from '../../time'
import { aligned, named } from '../../data/series'
import { type Page, useShop } from './api'
import { PAGE_SIZE, Pager, ToTab, When } from './list'
import styles from './shop.module.css'

interface Letter {
  id: string
  subject: string
  template: string
  order_id: string
  delivered_by: string
  created_at: string
  text?: string | null
}

const FIELDS = { cursor: text(), open: text() }

export function Mailbox() {
  const [{ cursor, open }, change] = useParameters(FIELDS)
  const reading = useShop<Page<Letter>>('mailbox', { cursor, limit: PAGE_SIZE })
  const isOther = reading.error instanceof ApiError && reading.error.status === 403
  return (
    <>
      <Sent />
      <Panel title="Letters to who is signed in" request={reading.request} flush={!isOther}>
        {isOther ? (
          <p className="muted">The API shows letters to the customer to whom they went, and you are none. What each order’s customer was told stands in the order’s records: open it under Orders.</p>
        ) : (
          <Answer reading={reading} what="letters" isEmpty={({ items }) => items.length === 0}>
            {({ items, next_cursor }) => (
              <>
                <DataTable label="Letters" columns={COLUMNS} rows={items} rowKey={({ id }) => id} onOpen={({ id }) => change({ open: id })} isOpen={({ id }) => id === open} />
                <Pager cursor={cursor} next={next_cursor} />
              </>
            )}
          </Answer>
        )}
      </Panel>
      {open !== '' && <LetterDrawer key={open} id={open} onClose={() => change({ open: undefined })} />}
    </>
  )
}

const COLUMNS: Column<Letter>[] = [
  { name: 'at', heading: 'Sent', cell: ({ created_at }) => <When at={created_at} /> },
  { name: 'subject', heading: 'Subject', wide: true, cell: ({ subject }) => subject },
  { name: 'template', heading: 'Template', cell: ({ template }) => <Badge>{template}</Badge> },
  { name: 'by', heading: 'By', cell: ({ delivered_by }) => delivered_by },
  { name: 'order', heading: 'Order', cell: ({ order_id }) => <code>{order_id}</code> },
]

function LetterDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const reading = useShop<Letter>(`mailbox/${encodeURIComponent(id)}`, {}, { keep: false })
  return (
    <Drawer title={reading.data?.subject ?? id} of={id} onClose={onClose}>
      <Answer reading={reading} what="the letter">
        {({ text, order_id }) => (
          <>
            <p>
              <ToTab tab="orders" parameters={{ open: order_id }} mono>
                {order_id}
              </ToTab>
            </p>
            <pre className={styles.letter}>{text ?? 'It has no plain text.'}</pre>
          </>
        )}
      </Answer>
    </Drawer>
  )
}

function Sent() {
  const time = useTime()
  const query = `sum by (vitrine_email_template) (rate(vitrine_email_letters_total[${Math.max(60, time.step * 4)}s])) * 60`
  const reading = useRange(query, time)
  return (
    <Panel title="Letters a minute, by template" request={rangeRequest(query, time)}>
      <Answer reading={reading} what="letters" isEmpty={(series) => series.length === 0} empty="No letters were sent in this time.">
        {(series) => {
          const { times, lines } = aligned(named(series, ({ vitrine_email_template }) => vitrine_email_template ?? ''))
          return <TimeChart label="Letters a minute by template" times={times} lines={lines} kind="stacked" from={time.from} to={time.to} legend />
        }}
      </Answer>
    </Panel>
  )
}
