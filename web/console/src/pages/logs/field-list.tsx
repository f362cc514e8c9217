// Which fields the records have, with the most frequent values of each: a click looks for one, or leaves it out.
import { useState } from 'react'
import { withWritten } from '../../data/query-text'
import { useApi } from '../../data/use-api'
import { figures, percent, short } from '../../format'
import { Answer } from '../../parts/answer'
import { ButtonLink, Input } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { quotedValue, withCondition } from '../../parts/query-field'
import { Link } from '../../router'
import { type FieldInfo, type FieldsAnswer, fieldsRequest, type Scope } from './log-api'
import styles from './field-list.module.css'

/** Fields that one opens first. */
const OPEN_AT_FIRST = new Set(['service', 'level'])
/** Fields whose values say nothing about records: each has its own. */
const LEFT_OUT = new Set(['time', 'observed_time', 'severity', 'severity_text'])

export function FieldList({ scope, shown }: { scope: Scope; shown: string[] }) {
  const request = fieldsRequest(scope)
  const reading = useApi<FieldsAnswer>(request, { staleMs: 20_000 })
  const [part, setPart] = useState('')
  return (
    <Panel title="Fields" request={request} flush className={styles.panel}>
      <div className={styles.find}>
        <Input type="search" aria-label="Find a field" placeholder="Find a field" value={part} onChange={(event) => setPart(event.target.value)} />
      </div>
      <div className={styles.list}>
        <Answer reading={reading} what="fields" isEmpty={({ fields }) => fields.length === 0} empty="No record, no fields.">
          {({ fields, visited, complete }) => (
            <>
              {fields
                .filter(({ name }) => !LEFT_OUT.has(name) && name.toLowerCase().includes(part.toLowerCase()))
                .map((field) => (
                  <FieldItem key={field.name} field={field} visited={visited} query={scope.query} shown={shown} />
                ))}
              {!complete && <p className="muted">Of {figures(visited)} records that were looked at.</p>}
            </>
          )}
        </Answer>
      </div>
    </Panel>
  )
}

function FieldItem({ field, visited, query, shown }: { field: FieldInfo; visited: number; query: string; shown: string[] }) {
  const { name, records, distinct, values = [], kinds } = field
  const key = name.replace(/^attributes\./, '')
  const isShown = shown.includes(key)
  return (
    <details className={styles.field} open={OPEN_AT_FIRST.has(name)}>
      <summary title={`${name}: ${kinds.join(', ')}, in ${figures(records)} of ${figures(visited)} records`}>
        <span>{key.startsWith('resource.') ? <ResourceName name={key} /> : key}</span>
        <small>{percent(records / Math.max(1, visited))}</small>
      </summary>
      <ul>
        {values.map(({ value, records }) => (
          <Value key={String(value)} name={name} value={String(value)} records={records} of={visited} query={query} />
        ))}
      </ul>
      <p>
        {distinct === undefined ? 'More values than are counted.' : values.length < distinct ? `${figures(distinct)} values; the most frequent are shown.` : ''}{' '}
        <Link change={{ q: withWritten(query, `${name}:*`), query: undefined }}>Only with it</Link>{' · '}
        <Link change={{ q: withWritten(query, `-${name}:*`), query: undefined }}>without it</Link>{' · '}
        <Link change={{ show: isShown ? shown.filter((other) => other !== key) : [...shown, key] }}>{isShown ? 'not in lines' : 'in lines'}</Link>
      </p>
    </details>
  )
}

const ResourceName = ({ name }: { name: string }) => (
  <>
    <i>resource </i>
    {name.slice('resource.'.length)}
  </>
)

function Value({ name, value, records, of, query }: { name: string; value: string; records: number; of: number; query: string }) {
  const share = (element: HTMLElement | null) => element?.style.setProperty('--share', String(records / Math.max(1, of)))
  const condition = (isNot: boolean) => ({ q: withCondition(query, name, value, isNot), query: undefined })
  return (
    <li ref={share}>
      <Link change={condition(false)} title={`Only ${name}:${quotedValue(value).slice(0, 200)}`}>
        {value === '' ? '(empty)' : value.slice(0, 200)}
      </Link>
      <small>{short(records)}</small>
      <ButtonLink kind="plain" icon="minus" label={`Not ${name}:${quotedValue(value).slice(0, 200)}`} change={condition(true)} />
    </li>
  )
}
