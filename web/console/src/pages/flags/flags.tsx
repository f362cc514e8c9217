// Flags and faults: the catalogue, what is broken on purpose, and what was changed or is planned.
import { useSession, mayChange } from '../../data/session'
import { Select, Tabs } from '../../parts/controls'
import { oneOf, text, useParameters } from '../../router'
import { useFlagsApi } from './api'
import { Catalogue } from './catalogue'
import { FaultsTab } from './faults'
import { History } from './history'
import { Planned } from './planned'
import { Range } from './range'
import { Segments } from './segments'
import { Sets } from './sets'
import { StopAll } from './stop-all'

const TABS = ['flags', 'faults', 'changes', 'planned', 'sets', 'segments', 'campaigns'] as const
const FIELDS = { tab: oneOf(TABS, 'flags'), set: text() }
const LABELS = { flags: 'Flags', faults: 'Faults', changes: 'Changes', planned: 'Planned and rolled out', sets: 'Sets', segments: 'Segments', campaigns: 'Campaigns' }

export interface SetList {
  sets: { name: string; flags: number }[]
}

export default function Page() {
  const [{ tab, set }, change] = useParameters(FIELDS)
  const may = mayChange(useSession().data)
  const isOfSet = tab === 'flags' || tab === 'planned' || tab === 'segments'
  return (
    <div className="stack">
      <StopAll />
      <header className="row">
        <h1>Flags and faults</h1>
        {isOfSet && <SetChoice set={set} onChoose={(set) => change({ set })} />}
      </header>
      <Tabs label="Flags and faults" tabs={TABS.map((name) => ({ name, label: LABELS[name] }))} open={tab} onOpen={(name) => change({ tab: name === 'flags' ? undefined : name, q: undefined, fault: undefined, arm: undefined })} />
      {tab === 'flags' && <Catalogue set={set} may={may} />}
      {tab === 'faults' && <FaultsTab may={may} />}
      {tab === 'changes' && <History may={may} />}
      {tab === 'planned' && <Planned set={set} may={may} />}
      {tab === 'sets' && <Sets may={may} />}
      {tab === 'segments' && <Segments set={set} may={may} />}
      {tab === 'campaigns' && <Range />}
    </div>
  )
}

/** A choice of sets, where there are several. */
export function SetChoice({ set, onChoose }: { set: string; onChoose: (set: string | undefined) => void }) {
  const sets = useFlagsApi<SetList>('sets', {}, { staleMs: 30_000 })
  const names = [...new Set([...(sets.data?.sets.map(({ name }) => name) ?? ['']), set])]
  if (names.length < 2) return null
  return (
    <Select aria-label="Set of flags" value={set} onChange={(event) => onChoose(event.target.value || undefined)}>
      {names.map((name) => (
        <option key={name} value={name}>
          {name === '' ? 'Default set' : `Set ${name}`}
        </option>
      ))}
    </Select>
  )
}
