// One record of the list: a line that opens to all that it has.
import { memo } from 'react'
import { colourOf } from '../../colour'
import { clock, moment } from '../../format'
import { Badge, Dot } from '../../parts/controls'
import { Icon } from '../../parts/icons'
import { Link } from '../../router'
import { LEVEL_SHORT, type LogRecord, timeOf } from './log-api'
import { LogDetail } from './log-detail'
import styles from './log-lines.module.css'
import { flattened, lineOf, type Message, messageOf, pieces, valueText } from './message'

interface LogLineProps {
  record: LogRecord
  isOpen: boolean
  isWrapped: boolean
  /** Whether its day is not today. */
  hasDate: boolean
  isFocusable: boolean
  /** Fields that are shown in the line; without any, the first of its attributes. */
  shown: string[]
  query: string
  onToggle: (cursor: string) => void
}

/** Attributes of a line. */
const MOST_FIELDS = 6
const MAX_VALUE = 80

export const LogLine = memo(function LogLine({ record, isOpen, isWrapped, hasDate, isFocusable, shown, query, onToggle }: LogLineProps) {
  const message = messageOf(record)
  const ms = timeOf(record)
  const level = record.level ?? 'none'
  const toggle = (event: React.MouseEvent) => {
    // Who selects text does not open it.
    if (!(event.target as HTMLElement).closest('a') && (getSelection()?.isCollapsed ?? true)) onToggle(record.cursor)
  }
  return (
    <>
      <div className={styles.row} data-level={level}>
        <div className={styles.line} role="button" tabIndex={isFocusable ? 0 : -1} data-row={record.cursor} aria-expanded={isOpen} onClick={toggle}>
          <time className={styles.time} dateTime={record.time} title={record.time}>
            {hasDate ? moment(ms, { fraction: true }).slice(5) : clock(ms)}
          </time>
          <span className={styles.level}>{record.level ? LEVEL_SHORT[record.level] : '–'}</span>
          <span className={styles.service} title={record.service}>
            {record.service && <Dot colour={colourOf(record.service)} />}
            <span>{record.service}</span>
          </span>
          <LineText record={record} message={message} isWrapped={isWrapped} isOpen={isOpen} shown={shown} />
        </div>
        {record.trace && (
          <Link className={styles.trace} to={`/trace/${record.trace}`} parameters={{ span: record.span }} aria-label="Its trace" title="Its trace">
            <Icon name="traces" size={14} />
          </Link>
        )}
      </div>
      {isOpen && <LogDetail record={record} message={message} query={query} />}
    </>
  )
})

function LineText({ record, message, isWrapped, isOpen, shown }: { record: LogRecord; message: Message; isWrapped: boolean; isOpen: boolean; shown: string[] }) {
  const text = lineOf(message, isWrapped)
  const marks = message.fields ? undefined : record.highlight?.message
  return (
    <span className={styles.message} data-wrapped={isWrapped ? '' : undefined}>
      {pieces(text, marks).map(({ text, isMarked }, place) => (isMarked ? <mark key={place}>{text}</mark> : text))}
      {record.event && text !== record.event && <em> {record.event}</em>}
      {!isWrapped && message.more > 0 && !isOpen && <Badge>+{message.more} {message.more === 1 ? 'line' : 'lines'}</Badge>}
      {fieldsOf(record, message, shown).map(([key, value]) => (
        <span key={key} className={styles.field}>
          {' '}
          <i>{key}=</i>
          {value}
        </span>
      ))}
    </span>
  )
}

/** Returns what stands behind a message: the fields that were chosen, or some of what it has. */
function fieldsOf(record: LogRecord, message: Message, shown: string[]): [string, string][] {
  const own: Record<string, unknown> = { ...(message.fields && Object.fromEntries(flattened(message.fields))), ...record.attributes }
  if (shown.length === 0) return Object.entries(own).slice(0, MOST_FIELDS).map(([key, value]) => [key, short(value)])
  return shown.flatMap((key): [string, string][] => {
    const value = own[key] ?? (record as unknown as Record<string, unknown>)[key] ?? record.resource?.[key.replace(/^resource\./, '')]
    return value === undefined || typeof value === 'object' ? [] : [[key, short(value)]]
  })
}

const short = (value: unknown) => {
  const text = valueText(value)
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text
}
