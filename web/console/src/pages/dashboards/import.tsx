// Takes a dashboard out of a file or a text: in the format of Perses, which is ours, or of Grafana. What could not be taken is said before it is stored.
import { copy } from '../../data/clipboard'
import { type DragEvent, useMemo, useState } from 'react'
import { Badge, Button, Field, Input, TextArea } from '../../parts/controls'
import { Question } from '../../parts/question'
import styles from './dashboards.module.css'
import { copyOf, type Dashboard, freeName, nameFrom, readDashboard, titleOf } from './document'
import { convertGrafana, isGrafana, type Lost } from './grafana'
import { useCreate } from './list'

interface Read {
  document: Dashboard
  lost: Lost[]
  from: 'Perses' | 'Grafana'
}

/** A dashboard has at most so many characters. */
const MOST = 8_000_000

function read(text: string): Read | Error | null {
  if (text.trim() === '') return null
  if (text.length > MOST) return new Error('It is larger than 8 MB.')
  try {
    const value: unknown = JSON.parse(text)
    if (isGrafana(value)) return { ...convertGrafana(value), from: 'Grafana' }
    return { document: readDashboard(value), lost: [], from: 'Perses' }
  } catch (error) {
    return error instanceof SyntaxError ? new Error(`It is no JSON: ${error.message}`) : error instanceof Error ? error : new Error(String(error))
  }
}

export function Import({ taken, onClose }: { taken: string[]; onClose: () => void }) {
  const [text, setText] = useState('')
  const [title, setTitle] = useState<string | null>(null)
  const { store, isBusy, error } = useCreate()
  const found = useMemo(() => read(text), [text])
  const good = found === null || found instanceof Error ? null : found
  const shown = title ?? (good ? titleOf(good.document) : '')
  const name = freeName(nameFrom(shown), taken)
  const take = (file: File | undefined) => void file?.text().then(setText)
  return (
    <div className={styles.wide}>
      <Question title="Import a dashboard" does="Import it" isBusy={isBusy} error={error} isReady={good !== null && shown.trim() !== ''} onSubmit={() => good && void store(copyOf(good.document, shown.trim(), name))} onClose={onClose}>
        <Drop onFile={take} />
        <Field label="Or its JSON">
          <TextArea className={styles.code} rows={good ? 3 : 10} spellCheck={false} placeholder="Of Perses, or of Grafana: its classic JSON or V2" value={text} onChange={(event) => setText(event.target.value)} />
        </Field>
        {found instanceof Error && (
          <p className="bad" role="alert">
            {found.message}
          </p>
        )}
        {good && (
          <>
            <div className="row">
              <Badge tone="info">{good.from}</Badge>
              <span>{summary(good.document)}</span>
            </div>
            <Field label="Title" hint={`Its address ends with /dashboards/${name}`}>
              <Input value={shown} onChange={(event) => setTitle(event.target.value)} />
            </Field>
            <NotTaken lost={good.lost} />
          </>
        )}
      </Question>
    </div>
  )
}

function summary({ spec }: Dashboard): string {
  const [panels, variables] = [Object.keys(spec.panels).length, spec.variables?.length ?? 0]
  return `${panels === 1 ? 'one panel' : `${panels} panels`}, ${variables === 1 ? 'one variable' : `${variables} variables`}, ${spec.layouts.length === 1 ? 'one section' : `${spec.layouts.length} sections`}`
}

function NotTaken({ lost }: { lost: Lost[] }) {
  if (lost.length === 0) return <p className="ok">All of it can be taken.</p>
  return (
    <section className="stack" aria-label="What could not be taken">
      <div className="row">
        <h3>What could not be taken, or is shown otherwise ({lost.length})</h3>
        <Button icon="copy" onClick={() => copy(lost.map(({ where, why }) => `${where}: ${why}`).join('\n'))}>
          Copy the list
        </Button>
      </div>
      <ul className={styles.lost} tabIndex={0}>
        {lost.map(({ where, why }, place) => (
          <li key={place}>
            <strong>{where}</strong>: {why}
          </li>
        ))}
      </ul>
    </section>
  )
}

function Drop({ onFile }: { onFile: (file: File | undefined) => void }) {
  const [isOver, setOver] = useState(false)
  const drop = (event: DragEvent) => {
    event.preventDefault()
    setOver(false)
    onFile(event.dataTransfer.files[0])
  }
  return (
    <div
      className={styles.drop}
      data-over={isOver ? '' : undefined}
      onDragOver={(event) => {
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <label>
        Drop a file here, or choose one: <input type="file" accept=".json,application/json" onChange={(event) => onFile(event.target.files?.[0])} />
      </label>
    </div>
  )
}
