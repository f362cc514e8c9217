// One dashboard: looked at, edited, stored with its revision.
import { useEffect, useMemo } from 'react'
import { mayChange, useSession } from '../../data/session'
import { Answer } from '../../parts/answer'
import { changedAddress, flag, list, navigate, text, useParameters } from '../../router'
import { useTime } from '../../time'
import { AnnotationBar } from './annotation-bar'
import { type Stored, useDashboard, useDashboards } from './api'
import { Bar } from './dashboard-bar'
import { type Dialogs, useDialogs } from './dialogs'
import type { Dashboard } from './document'
import { useDraft } from './draft'
import { type Editing, Grids } from './grid'
import { itemOf, withPanel, withPlace, withRepeat } from './layout'
import { durationSeconds } from './interpolate'
import { PanelAlone } from './panel-alone'
import { PanelEditor } from './panel-editor'
import { choicesOf, firstSetting, type Setting, scopeOf } from './repeat'
import { repeatable } from './repeat-fields'
import { useAnnotations } from './use-annotations'
import { useVariables } from './use-variables'
import { VariableBar } from './variable-bar'

export default function Page({ parts }: { parts: Record<string, string> }) {
  const name = parts.id ?? ''
  const reading = useDashboard(name)
  return (
    <Answer reading={reading} what={`the dashboard ${name}`}>
      {(stored) => <Shown key={name} name={name} stored={stored} onStored={() => void reading.refetch()} />}
    </Answer>
  )
}

const FIELDS = { edit: flag(), panel: text(), view: text(), of: list(), from: text() }

function Shown({ name, stored, onStored }: { name: string; stored: Stored; onStored: () => void }) {
  const [{ edit, panel: opened, view, of }] = useParameters(FIELDS)
  const listed = useDashboards().data?.dashboards.find((each) => each.name === name)
  const session = useSession().data
  const [draft, setDraft] = useDraft(name)
  const canEdit = mayChange(session) && listed?.isShipped !== true
  const isEditing = edit && canEdit
  const document = draft !== null && isEditing ? draft.document : stored.document
  const time = useTime()
  useOwnTime(document)
  const all = document.spec.variables ?? []
  const { values, states } = useVariables(all, time)
  const names = useMemo(() => all.map(({ spec }) => spec.name), [all])
  const annotations = useAnnotations(document.spec.annotations, values, names, time)
  const change = (next: Dashboard) => setDraft({ document: next, etag: draft?.etag ?? stored.etag, base: draft?.base ?? stored.document })
  const finish = () => {
    setDraft(null)
    navigate(changedAddress({ edit: undefined, panel: undefined }))
    onStored()
  }
  const dialogs = useDialogs({ document, draft, stored, change, setDraft, finish })
  const editing = isEditing ? editingOf(document, change, dialogs) : null
  const [panel, alone] = [document.spec.panels[opened], document.spec.panels[view]]
  const setting: Setting = { values, choices: choicesOf(states), scope: {} }
  const shared = { variables: names, time, marks: annotations.marks }
  return (
    <>
      <Bar document={document} draft={draft} listed={listed} canEdit={canEdit} mayStore={mayChange(session)} isEditing={isEditing} dialogs={dialogs} />
      <VariableBar states={states} />
      <AnnotationBar states={annotations.states} />
      {view !== '' && alone ? <PanelAlone panel={alone} values={{ ...values, ...scopeOf(of) }} {...shared} /> : <Grids document={document} setting={setting} editing={editing} {...shared} />}
      {editing && panel && (
        <PanelEditor
          key={opened}
          panel={panel}
          repeat={itemOf(document, opened)?.repeatVariable}
          repeatable={repeatable(document)}
          values={firstSetting(document, opened, setting).values}
          {...shared}
          onChange={(changed, repeat) => change(withRepeat(withPanel(document, opened, changed), opened, repeat))}
          onClose={() => navigate(changedAddress({ panel: undefined }))}
        />
      )}
      {dialogs.shown}
    </>
  )
}

/** Looks at the time that the dashboard opens with, unless the address says another. */
function useOwnTime({ spec: { duration = '', refreshInterval = '' } }: Dashboard) {
  const [{ from }] = useParameters(FIELDS)
  useEffect(() => {
    const seconds = durationSeconds(duration)
    if (from !== '' || seconds === null || seconds === 0 || seconds === 1800) return
    const unit = seconds % 86400 === 0 ? `${seconds / 86400}d` : seconds % 3600 === 0 ? `${seconds / 3600}h` : seconds % 60 === 0 ? `${seconds / 60}m` : `${Math.round(seconds)}s`
    navigate(changedAddress({ from: `now-${unit}`, live: (durationSeconds(refreshInterval) ?? 0) > 0 || undefined }), { replace: true })
    // Only when it is opened.

  }, [duration])
}

function editingOf(document: Dashboard, change: (document: Dashboard) => void, dialogs: Dialogs): Editing {
  return {
    onPlace: (section, key, place) => change(withPlace(document, section, key, place)),
    onEdit: (key) => navigate(changedAddress({ panel: key })),
    onDuplicate: dialogs.duplicatePanel,
    onRemove: dialogs.removePanel,
    onMoveTo: dialogs.movePanel,
    onRenameSection: dialogs.renameSection,
    onRemoveSection: dialogs.removeSection,
    onAdd: dialogs.addPanel,
  }
}
