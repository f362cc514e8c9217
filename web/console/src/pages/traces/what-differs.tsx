// What differs between spans that were chosen and the rest: attributes ranked by how sure the difference is, and below where the time went.
import { useState } from 'react'
import { type ComparedAttribute, type Comparison, type CompareRequest, compareRequest, type Looked } from '../../data/traces'
import { useApi } from '../../data/use-api'
import { Answer } from '../../parts/answer'
import { Badge, Button } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { withWritten } from '../../data/query-text'
import type { TimeRange } from '../../time'
import { DifferingAttribute } from './differing-attribute'
import type { Box } from './trace-query'
import styles from './what-differs.module.css'
import { WhereTheTimeWent } from './where-the-time-went'

/** Attributes that are shown before one asks for more: where the time went stands below them. */
const FIRST = 6

interface WhatDiffersProps {
  query: string
  time: TimeRange
  looked: Looked
  /** What is compared with the rest; null for what failed. */
  box: Box | null
  isVaried: boolean
  onVaried: (isVaried: boolean) => void
  /** Narrows the search. */
  onQuery: (query: string) => void
  onClose: () => void
}

export function WhatDiffers({ query, time, looked, box, isVaried, onVaried, onQuery, onClose }: WhatDiffersProps) {
  const body: CompareRequest = {
    scope: { start: Math.floor(time.from), end: Math.ceil(time.to), query: query || undefined, spans: looked },
    selection: box === null ? { query: 'status:error' } : { start: String(box.start), end: String(box.end), min_duration: box.min, max_duration: box.max },
    show_varied: isVaried || undefined,
  }
  const reading = useApi<Comparison>(compareRequest(body), { staleMs: 60_000 })
  const name = box === null ? 'failed' : 'in the box'
  // That what failed has failed is no news.
  const isNews = ({ of, name }: ComparedAttribute) => box !== null || of !== 'field' || name !== 'status'
  return (
    <Panel title={`What differs: ${name} against the rest`} request={reading.request} actions={<Button kind="plain" icon="close" label="Close the comparison" onClick={onClose} />}>
      <Answer reading={reading} what="what differs" isEmpty={({ spans }) => spans.selected === 0} empty="No span is in what was chosen.">
        {(comparison) => (
          <div className={styles.parts}>
            <Counts comparison={comparison} name={name} />
            <section aria-label="Attributes that differ">
              {!comparison.attributes.some(isNews) ? (
                <p className={styles.none}>
                  None of {comparison.compared} attributes differs more than chance explains{comparison.spans.selected < 10 ? ': so few spans show only what is in nearly all of them' : ''}. The cause may be in what was called: see below.
                </p>
              ) : (
                <Attributes attributes={comparison.attributes.filter(isNews)} name={name} onCondition={(condition) => onQuery(withWritten(query, condition))} />
              )}
              <Hidden comparison={comparison} isVaried={isVaried} onVaried={onVaried} />
            </section>
            {comparison.time && <WhereTheTimeWent time={comparison.time} name={name} onCondition={(condition) => onQuery(withWritten(query, condition))} />}
          </div>
        )}
      </Answer>
    </Panel>
  )
}

interface AttributesProps {
  attributes: ComparedAttribute[]
  name: string
  onCondition: (condition: string) => void
}

function Attributes({ attributes, name, onCondition }: AttributesProps) {
  const [isAll, setAll] = useState(false)
  return (
    <>
      <ol className={styles.attributes}>
        {attributes.slice(0, isAll ? undefined : FIRST).map((attribute) => (
          <DifferingAttribute key={`${attribute.of} ${attribute.name}`} attribute={attribute} name={name} onCondition={onCondition} />
        ))}
      </ol>
      {attributes.length > FIRST && (
        <p className={styles.hidden}>
          <Button onClick={() => setAll(!isAll)}>{isAll ? `Only the first ${FIRST}` : `${attributes.length - FIRST} more that differ less`}</Button>
        </p>
      )}
    </>
  )
}

function Counts({ comparison: { spans, sampled, sample }, name }: { comparison: Comparison; name: string }) {
  return (
    <p className={styles.counts}>
      <span>
        <i data-side="selected" /> <b>{spans.selected.toLocaleString('en')}</b> {name}
      </span>
      <span>
        <i data-side="baseline" /> <b>{spans.baseline.toLocaleString('en')}</b> others
      </span>
      {sampled && <Badge tone="info">one of {Math.round(1 / sample)} traces was compared, always the same</Badge>}
      <span className="muted">Ranked by the least difference that is 95% sure.</span>
    </p>
  )
}

function Hidden({ comparison: { hidden }, isVaried, onVaried }: { comparison: Comparison; isVaried: boolean; onVaried: (isVaried: boolean) => void }) {
  if (hidden.length === 0 && !isVaried) return null
  return (
    <p className={styles.hidden}>
      {isVaried ? 'Attributes that differ from span to span are shown, too.' : `${hidden.length} attributes have another value in most spans and are left out: ${hidden.slice(0, 5).map(({ name }) => name).join(', ')}${hidden.length > 5 ? ' …' : ''}.`}
      <Button kind="plain" onClick={() => onVaried(!isVaried)}>
        {isVaried ? 'Leave them out' : 'Show them, too'}
      </Button>
    </p>
  )
}
