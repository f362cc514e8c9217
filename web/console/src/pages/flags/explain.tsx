// Why a flag has its value for a context: what each part of the rule was, and which part decided.
import { useEffect, useState } from 'react'
import { flagsPath } from '../../data/session'
import { withParameters } from '../../data/http'
import { useApi } from '../../data/use-api'
import { Answer } from '../../parts/answer'
import { Badge, Button, TextArea } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { text, useParameters } from '../../router'
import styles from './flags.module.css'
import { mistakeIn, spread } from './json-text'

interface Node {
  location: { line: number; column: number }
  node: string
  value: unknown
  decides: boolean
  bucket?: { algorithm: string; total: number; at: number; number: number; range: [number, number] }
  children?: Node[]
}

interface Explanation {
  variant: string | null
  value: unknown
  reason: string
  error: string | null
  errorCode: string | null
  rule: Node | null
}

/** Whom a flag is explained for at first. */
const SOMEONE = '{"targetingKey":"cus_1","country":"DE"}'
const FIELDS = { context: text(SOMEONE) }

const REASONS: Record<string, string> = {
  STATIC: 'it has no rule',
  DEFAULT: 'its rule left it to the default variant',
  TARGETING_MATCH: 'its rule says so',
  SPLIT: 'a share was drawn',
  DISABLED: 'it is switched off: what stands in code holds',
  ERROR: 'it could not be evaluated',
}

export function Explain({ flag, set, revision, isDraft }: { flag: string; set: string; revision: number; isDraft: boolean }) {
  const [{ context }, change] = useParameters(FIELDS)
  const [typed, setTyped] = useState(() => spread(context))
  const mistake = mistakeIn(typed)
  const asked = mistakeIn(context) === null ? context : '{}'
  const path = withParameters(flagsPath(`/api/v1/flags/${encodeURIComponent(flag)}/explain`), { set })
  const reading = useApi<Explanation>({ method: 'POST', path, body: `{"context":${asked}}`, headers: { 'content-type': 'application/json' } }, { staleMs: 0 })
  const { refetch } = reading
  // The revision is no part of the question; after a change it is asked again.
  useEffect(() => void refetch(), [revision, refetch])
  const ask = () => {
    if (mistake !== null) return
    const flat = JSON.stringify(JSON.parse(typed))
    if (flat === context) void reading.refetch()
    else change({ context: flat === SOMEONE ? undefined : flat })
  }
  return (
    <Panel title="Explained for a context" request={reading.request}>
      <div className="stack">
        <TextArea aria-label="Context" aria-invalid={mistake !== null} className={styles.editor} rows={Math.min(10, typed.split('\n').length + 1)} spellCheck={false} value={typed} onChange={(event) => setTyped(event.target.value)} onKeyDown={(event) => event.key === 'Enter' && (event.ctrlKey || event.metaKey) && ask()} />
        <div className="row">
          <Button kind="main" icon="play" disabled={mistake !== null} onClick={ask}>
            Explain
          </Button>
          <span className="muted">{mistake ?? 'Ctrl Enter'}</span>
          {isDraft && <Badge tone="warn">of revision {revision}, without what is not saved yet</Badge>}
        </div>
        <Answer reading={reading} what="its explanation">
          {(explanation) => <Explained explanation={explanation} />}
        </Answer>
      </div>
    </Panel>
  )
}

function Explained({ explanation }: { explanation: Explanation }) {
  const { variant, value, reason, error, rule } = explanation
  return (
    <div className="stack" aria-live="polite">
      <p className={styles.verdict}>
        <Badge tone={error ? 'bad' : 'glass'} icon={error ? 'error' : 'check'}>
          {variant ?? (error ? 'error' : 'code’s own default')}
        </Badge>
        {value !== null && value !== undefined && <code>{JSON.stringify(value)}</code>}
        <span className="muted">
          because {REASONS[reason] ?? reason} ({reason})
        </span>
      </p>
      {error && <p className="bad">{error}</p>}
      {rule && (
        <ul className="tree" aria-label="What each part of the rule was">
          <Part node={rule} isOnWay />
        </ul>
      )}
    </div>
  )
}

function Part({ node, isOnWay }: { node: Node; isOnWay: boolean }) {
  const decides = isOnWay && node.decides
  return (
    <li data-decides={decides ? '' : undefined}>
      <span className={styles.part}>
        <code>{node.node}</code>
        <span className="muted">=</span>
        <code className={styles.value} title={`Line ${node.location.line}, column ${node.location.column} of the definition as it was written`}>
          {JSON.stringify(node.value)}
        </code>
        {decides && (
          <Badge tone="ok" icon="check">
            decides
          </Badge>
        )}
        {node.bucket && (
          <span className="muted">
            drew {node.bucket.at} of {node.bucket.total}: bucket {node.bucket.number + 1}, from {node.bucket.range[0]} to {node.bucket.range[1]} ({node.bucket.algorithm})
          </span>
        )}
      </span>
      {node.children && node.children.length > 0 && (
        <ul>
          {node.children.map((child, place) => (
            <Part key={`${child.location.line}:${child.location.column}:${place}`} node={child} isOnWay={decides} />
          ))}
        </ul>
      )}
    </li>
  )
}
