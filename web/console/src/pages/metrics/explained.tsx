// A query as a tree: what each part does, and what it gives now.
import { useState } from 'react'
import { copy } from '../../data/clipboard'
import { withParameters } from '../../data/http'
import { instantRequest } from '../../data/prometheus'
import { useApi } from '../../data/use-api'
import { figures, short } from '../../format'
import { Answer } from '../../parts/answer'
import { Badge, Button } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { useTime } from '../../time'
import { type InstantRow, readInstant } from './instant'
import styles from './explained.module.css'
import { childrenOf, hasValue, headOf, type PromNode, textOf } from './promql'
import type { Asked } from './state'
import { wordsOf } from './words'

interface ExplainedProps {
  query: Asked
  isOnly: boolean
  /** Asks for a part by itself. */
  onAsk: (text: string) => void
}

export function Explained({ query: { letter, text }, isOnly, onAsk }: ExplainedProps) {
  const request = { path: withParameters('/prometheus/api/v1/parse_query', { query: text }) }
  const reading = useApi(request, { read: (answer) => (answer as { data: PromNode }).data, staleMs: 60_000 })
  return (
    <Panel title={isOnly ? 'Explained' : letter} request={request} actions={<Written text={text} />}>
      <Answer reading={reading} what="the query's parts">
        {(root) => (
          <ul className="tree" aria-label="Parts of the query">
            <Part node={root} onAsk={onAsk} isRoot />
          </ul>
        )}
      </Answer>
    </Panel>
  )
}

/** Copies the query as it is usually written. */
function Written({ text }: { text: string }) {
  const { data } = useApi({ path: withParameters('/prometheus/api/v1/format_query', { query: text }) }, { read: (answer) => (answer as { data: string }).data, staleMs: 60_000 })
  if (!data) return null
  return (
    <Button kind="plain" icon="copy" title={data} onClick={() => copy(data)}>
      Copy in lines
    </Button>
  )
}

function Part({ node, onAsk, isRoot }: { node: PromNode; onAsk: (text: string) => void; isRoot?: boolean }) {
  const text = textOf(node)
  const children = childrenOf(node)
  return (
    <li>
      <div className={styles.part}>
        <code title={text}>{headOf(node)}</code>
        <span className={styles.words}>{wordsOf(node)}</span>
        {hasValue(node) && <Now text={text} />}
        {!isRoot && hasValue(node) && (
          <Button kind="plain" icon="plus" onClick={() => onAsk(text)} title={`Ask for ${text}`}>
            Alone
          </Button>
        )}
      </div>
      {children.length > 0 && (
        <ul>
          {children.map((child, place) => (
            <Part key={place} node={child} onAsk={onAsk} />
          ))}
        </ul>
      )}
    </li>
  )
}

const MOST_VALUES = 3

/** How many series a part gives now, and in which labels they differ. */
function Now({ text }: { text: string }) {
  const time = useTime()
  const [isOpen, setOpen] = useState(false)
  const request = instantRequest(text, time.to)
  const { data, error } = useApi(request, { read: readInstant, staleMs: 30_000 })
  if (error) return <Badge tone="bad" icon="error">{error.message.slice(0, 160)}</Badge>
  if (!data) return <Badge>…</Badge>
  if (data.length === 1 && Object.keys(data[0]!.labels).length === 0) return <Badge tone="glass">{data[0]!.value === null ? data[0]!.text : figures(data[0]!.value)}</Badge>
  if (data.length === 0) return <Badge tone="warn" icon="error">nothing now</Badge>
  return (
    <>
      <button type="button" className={styles.count} aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {short(data.length)} series
      </button>
      {isOpen && <Labels rows={data} />}
    </>
  )
}

function Labels({ rows }: { rows: InstantRow[] }) {
  const names = [...new Set(rows.flatMap(({ labels }) => Object.keys(labels)))]
  return (
    <dl className={styles.labels}>
      {names.map((name) => {
        const values = [...new Set(rows.map(({ labels }) => labels[name] ?? ''))]
        return (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              {values.length === 1 ? '' : `${figures(values.length)} values: `}
              {values.slice(0, MOST_VALUES).map((value) => value.slice(0, 60) || '(none)').join(', ')}
              {values.length > MOST_VALUES && ' …'}
            </dd>
          </div>
        )
      })}
    </dl>
  )
}
