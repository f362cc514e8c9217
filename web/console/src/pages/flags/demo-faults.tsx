// A fault of the OpenTelemetry Demo, armed by its name.
import { useState } from 'react'
import { Button, Field, Input, Select } from '../../parts/controls'
import { changeOf } from './api'
import { Change } from './change'
import styles from './flags.module.css'

export interface DemoFlag {
  key: string
  default: string
  does: string
  variants: string[]
}

/** How long one lives unless somebody says otherwise, in seconds. */
const USUAL_TTL_S = 600

export function ArmDemo({ flag, may }: { flag: DemoFlag; may: boolean }) {
  const [asked, setAsked] = useState<string | null>(null)
  const [ttl, setTtl] = useState(USUAL_TTL_S)
  const variants = flag.variants.filter((name) => name !== flag.default && name !== 'off').concat(flag.default === 'on' ? ['off'] : [])
  const [variant, setVariant] = useState(variants[0] ?? '')
  return (
    <li className="row">
      <code>{flag.key}</code>
      <span className={styles.grow}>{flag.does}</span>
      {variants.length > 1 && (
        <Select aria-label={`How ${flag.key} is set`} value={variant} onChange={(event) => setVariant(event.target.value)}>
          {variants.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </Select>
      )}
      <Button disabled={!may || variants.length === 0} onClick={() => setAsked(variant)}>
        Arm {variant} …
      </Button>
      {asked !== null && (
        <Change title={`Arm ${flag.key} ${asked}`} does="Arm" kind="bad" isPlannable={false} onClose={() => setAsked(null)} request={(about) => changeOf('POST', `faults/demo/${encodeURIComponent(flag.key)}/${encodeURIComponent(asked)}`, { ttl_s: ttl }, about)}>
          <p>{flag.does}</p>
          <Field label="Seconds to live">
            <Input type="number" min={1} max={3600} value={ttl} onChange={(event) => setTtl(Number(event.target.value))} />
          </Field>
        </Change>
      )}
    </li>
  )
}
