// A new flag: its key, and a definition to begin with.
import { useState } from 'react'
import { Field, Input, Select, TextArea } from '../../parts/controls'
import { addressOf, navigate } from '../../router'
import { changeOfFlag, flagPage } from './api'
import { Change } from './change'
import styles from './flags.module.css'
import { mistakeIn, spread } from './json-text'

const BEGINNINGS: Record<string, unknown> = {
  boolean: { on: true, off: false },
  text: { first: 'one', second: 'two' },
  number: { few: 5, many: 50 },
  object: { plain: {}, rich: { colour: 'green' } },
}

function beginning(type: string): string {
  const variants = BEGINNINGS[type] as Record<string, unknown>
  const names = Object.keys(variants)
  return spread(JSON.stringify({ state: 'ENABLED', variants, defaultVariant: type === 'boolean' ? 'off' : names[0], metadata: { kind: 'release', purpose: '' } }))
}

export function NewFlag({ set, onClose }: { set: string; onClose: () => void }) {
  const [key, setKey] = useState('')
  const [type, setType] = useState('boolean')
  const [definition, setDefinition] = useState(() => beginning('boolean'))
  const mistake = mistakeIn(definition)
  const begin = (type: string) => {
    setType(type)
    setDefinition(beginning(type))
  }
  return (
    <Change title="New flag" does="Make it" isReady={key.trim() !== '' && mistake === null} onClose={onClose} onDone={({ status }) => status === 200 && navigate(addressOf(flagPage(key.trim()), { set }))} request={(about, revision = 0) => changeOfFlag('PUT', { key: key.trim(), set, revision }, '', about, definition)}>
      <Field label="Key" hint="As code asks for it: new-checkout, or area/name.">
        <Input value={key} onChange={(event) => setKey(event.target.value)} className="mono" required />
      </Field>
      <Field label="What its variants are">
        <Select value={type} onChange={(event) => begin(event.target.value)}>
          {Object.keys(BEGINNINGS).map((name) => (
            <option key={name}>{name}</option>
          ))}
        </Select>
      </Field>
      <Field label="Definition" hint={mistake ?? undefined}>
        <TextArea className={styles.editor} rows={9} spellCheck={false} value={definition} onChange={(event) => setDefinition(event.target.value)} aria-invalid={mistake !== null} />
      </Field>
    </Change>
  )
}
