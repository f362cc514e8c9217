// At which axis a query's lines stand, and in which unit those at the right do.
import { Field, Select } from '../../parts/controls'
import { part, type Plugin } from './document'
import styles from './dashboards.module.css'
import { NumberField, UnitField } from './panel-looks'
import { isRight, type QuerySettings, querySettings, withQuerySettings } from './panels/axes'
import type { Format } from './units'

export function QueryAxis({ plugin, query, onChange }: { plugin: Plugin; query: number; onChange: (plugin: Plugin) => void }) {
  const left = part(plugin, 'yAxis').format as Format | undefined
  const settings = querySettings(plugin).find(({ queryIndex }) => queryIndex === query) ?? { queryIndex: query }
  const isAtRight = isRight(settings, left)
  const set = (change: Partial<QuerySettings>) => onChange(withQuerySettings(plugin, query, change))
  const put = (side: string) => set(side === 'right' ? { axis: 'right' } : { axis: undefined, format: undefined, min: undefined, max: undefined })
  return (
    <div className={styles.pair}>
      <Field label={`Axis of query ${String.fromCharCode(65 + query)}`}>
        <Select value={isAtRight ? 'right' : 'left'} onChange={(event) => put(event.target.value)}>
          <option value="left">Left</option>
          <option value="right">Right</option>
        </Select>
      </Field>
      {isAtRight && (
        <>
          <UnitField format={settings.format ?? left ?? {}} onChange={(format) => set({ axis: 'right', format })} />
          <NumberField label="It begins at" value={settings.min} onChange={(min) => set({ min })} />
          <NumberField label="It ends at" value={settings.max} onChange={(max) => set({ max })} />
        </>
      )}
    </div>
  )
}
