// Which fields the records have, with the most frequent values of each: a click looks for one, or leaves it out.
import { useState } from 'react'
import { quotedValue, withCondition, withWritten } from '../../data/query-text'
import { useApi } from '../../data/use-api'
import { figures, percent, short } from '../../format'
import { Answer } from '../../parts/answer'
import { ButtonLink } from '../../parts/controls'
import { SideItem, SideList } from '../../parts/side-list'
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
    <SideList title="Fields" request={request} find="Find a field" part={part} onPart={setPart} className={styles.panel}>
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
    </SideList>
  )
}

function FieldItem({ field, visited, query, shown }: { field: FieldInfo; visited: number; query: string; shown: string[] }) {
  const { name, records, distinct, values = [], kinds } = field
  const key = name.replace(/^attributes\./, '')
  const isShown = shown.includes(key)
  return (
    <SideItem
      name={key.startsWith('resource.') ? <ResourceName name={key} /> : key}
      detail={percent(records / Math.max(1, visited))}
      title={`${name}: ${kinds.join(', ')}, in ${figures(records)} of ${figures(visited)} records`}
      isOpen={OPEN_AT_FIRST.has(name)}
    >
      <ul className={styles.values}>
        {values.map(({ value, records }) => (
          <Value key={String(value)} name={name} value={String(value)} records={records} of={visited} query={query} />
        ))}
      </ul>
      <p className={styles.more}>
        {distinct === undefined ? 'More values than are counted.' : values.length < distinct ? `${figures(distinct)} values; the most frequent are shown.` : ''}{' '}
        <Link change={{ q: withWritten(query, `${name}:*`), query: undefined }}>Only with it</Link>{' · '}
        <Link change={{ q: withWritten(query, `-${name}:*`), query: undefined }}>without it</Link>{' · '}
        <Link change={{ show: isShown ? shown.filter((other) => other !== key) : [...shown, key] }}>{isShown ? 'not in lines' : 'in lines'}</Link>
      </p>
    </SideItem>
  )
}

const ResourceName = ({ name }: { name: string }) => (
  <>
    <i className={styles.resource}>resource </i>
    {name.slice('resource.'.length)}
  </>
)

function Value({ name, value, records, of, query }: { name: string; value: string; records: number; of: number; query: string }) {
  const share = (element: HTMLElement | null) => element?.style.setProperty('--share', String(records / Math.max(1, of)))
  const condition = (isNot: boolean) => ({ q: withCondition(query, name, value, isNot), query: undefined })
  return (
    <li ref={share}>
      <Link className={`cut ${styles.value}`} change={condition(false)} title={`Only ${name}:${quotedValue(value).slice(0, 200)}`}>
        {value === '' ? '(empty)' : value.slice(0, 200)}
      </Link>
      <small>{short(records)}</small>
      <ButtonLink kind="plain" icon="minus" label={`Not ${name}:${quotedValue(value).slice(0, 200)}`} change={condition(true)} />
    </li>
  )
}
