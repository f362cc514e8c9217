// All that a record has. Each value can be looked for, or left out.
import { useState } from 'react'
import { copy } from '../../data/clipboard'
import { attributeKey, quotedValue, withCondition } from '../../data/query-text'
import { moment } from '../../format'
import { Button, ButtonLink } from '../../parts/controls'
import { changedAddress, Link, useParameters } from '../../router'
import type { Attributes, LogRecord } from './log-api'
import { timeOf } from './log-api'
import styles from './log-detail.module.css'
import { flattened, type Message, valueText } from './message'
import { LOG_FIELDS } from './state'

/** A message or a value is shown so far, unless one wants all of it. */
const MAX_SHOWN = 4000
/** Longer values cannot well be asked for. */
const MAX_ASKED = 500

export function LogDetail({ record, message, query }: { record: LogRecord; message: Message; query: string }) {
  return (
    <div className={styles.detail}>
      <Actions record={record} />
      {(message.more > 0 || message.text.length > 120 || message.fields) && <Long className={styles.message} text={message.fields ? pretty(message.text) : message.text} />}
      <table className={styles.fields}>
        <tbody>
          <Group name="Record" of={own(record)} query={query} keyOf={(key) => key} />
          <Group name="Attributes" of={record.attributes} query={query} keyOf={attributeKey} shownAs={(key) => key} />
          {message.fields && <Group name="Message" of={message.fields} query={query} />}
          <Group name="Resource" of={record.resource} query={query} keyOf={(key) => (attributeKey(key).startsWith('"') ? attributeKey(key) : `resource.${key}`)} shownAs={(key) => `resource.${key}`} />
          <Group name="Scope" of={record.scope?.attributes} query={query} keyOf={(key) => `scope.${key}`} />
        </tbody>
      </table>
    </div>
  )
}

const pretty = (text: string) => JSON.stringify(JSON.parse(text), null, 2)

const own = ({ time, service, level, severity_text, event, trace, span, scope }: LogRecord): Attributes =>
  Object.fromEntries(Object.entries({ time, service, level, severity_text, event, trace, span, scope: scope?.name, scope_version: scope?.version }).filter(([, value]) => value !== undefined))

function Actions({ record }: { record: LogRecord }) {
  const { trace, span, cursor } = record
  const link = () => copy(location.origin + changedAddress({ at: cursor, of: undefined, open: [cursor], tail: false }))
  const { cursor: _, highlight: __, ...shown } = record
  return (
    <div className={styles.actions}>
      {trace && (
        <ButtonLink icon="traces" to={`/trace/${trace}`} parameters={{ span }}>
          Trace
        </ButtonLink>
      )}
      <ButtonLink icon="logs" change={{ at: cursor, of: undefined, tail: false, view: undefined }}>
        Before and after
      </ButtonLink>
      {trace && (
        <ButtonLink icon="filter" change={{ q: `trace:${trace}`, query: undefined, at: undefined }}>
          Logs of the trace
        </ButtonLink>
      )}
      <Button icon="copy" onClick={() => copy(JSON.stringify(shown, null, 2))}>
        Copy
      </Button>
      <Button icon="link" label="Copy a link to this line" onClick={link} />
      <span className="muted">{moment(timeOf(record), { fraction: true })}</span>
    </div>
  )
}

interface GroupProps {
  name: string
  of: Attributes | undefined
  query: string
  /** What a query calls a field; without it, it cannot be asked for. */
  keyOf?: (name: string) => string
  /** How fields are called that can be shown in the lines. */
  shownAs?: (name: string) => string
}

function Group({ name, of, query, keyOf, shownAs }: GroupProps) {
  const fields = flattened(of ?? {})
  if (fields.length === 0) return null
  return (
    <>
      <tr>
        <th colSpan={3} scope="rowgroup">
          {name}
        </th>
      </tr>
      {fields.map(([key, value]) => (
        <tr key={key}>
          <td className={styles.narrow}>{keyOf && key !== 'time' && <Narrow name={keyOf(key)} shown={shownAs?.(key)} value={valueText(value)} query={query} />}</td>
          <th scope="row">{key}</th>
          <td>
            {key === 'trace' && name === 'Record' ? <Link to={`/trace/${valueText(value)}`}>{valueText(value)}</Link> : <Long text={valueText(value)} />}
          </td>
        </tr>
      ))}
    </>
  )
}

function Narrow({ name, shown, value, query }: { name: string; shown?: string; value: string; query: string }) {
  const [{ show }] = useParameters(LOG_FIELDS)
  const isShown = shown !== undefined && show.includes(shown)
  const condition = (isNot: boolean) => ({ q: withCondition(query, name, value, isNot), query: undefined, at: undefined })
  return (
    <>
      {value.length <= MAX_ASKED && (
        <>
          <ButtonLink kind="plain" icon="plus" label={`Only ${name}:${quotedValue(value)}`} change={condition(false)} />
          <ButtonLink kind="plain" icon="minus" label={`Not ${name}:${quotedValue(value)}`} change={condition(true)} />
        </>
      )}
      {shown !== undefined && <ButtonLink kind="plain" icon={isShown ? 'close' : 'right'} label={isShown ? `Do not show ${shown} in the lines` : `Show ${shown} in the lines`} change={{ show: isShown ? show.filter((other) => other !== shown) : [...show, shown] }} />}
    </>
  )
}

/** A text of any length. */
function Long({ text, className }: { text: string; className?: string }) {
  const [isWhole, setWhole] = useState(false)
  const isCut = text.length > MAX_SHOWN && !isWhole
  return (
    <pre className={`${styles.long} ${className ?? ''}`}>
      {isCut ? text.slice(0, MAX_SHOWN) : text}
      {isCut && (
        <Button kind="plain" onClick={() => setWhole(true)}>
          … all {text.length.toLocaleString('en')} characters
        </Button>
      )}
    </pre>
  )
}
