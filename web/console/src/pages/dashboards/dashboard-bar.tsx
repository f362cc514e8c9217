// The heading of a dashboard, and what can be done with it.
import { ago } from '../../format'
import { useKeys } from '../../keys'
import { Badge, Button, ButtonLink, Menu, MenuItem } from '../../parts/controls'
import { changedAddress, navigate } from '../../router'
import { download, type Listed } from './api'
import styles from './dashboards.module.css'
import type { Dialogs } from './dialogs'
import { differences } from './differences'
import { type Dashboard, titleOf } from './document'
import type { Draft } from './draft'

interface BarProps {
  document: Dashboard
  draft: Draft | null
  listed: Listed | undefined
  /** Whether this one can be changed. */
  canEdit: boolean
  /** Whether a copy of it can be stored. */
  mayStore: boolean
  isEditing: boolean
  dialogs: Dialogs
}

export function Bar({ document, draft, listed, canEdit, mayStore, isEditing, dialogs }: BarProps) {
  const count = draft === null ? 0 : differences(draft.base, draft.document).length
  const edit = (isOn: boolean) => navigate(changedAddress({ edit: isOn, panel: undefined, view: undefined, of: undefined }))
  useKeys('Dashboard', [
    { keys: 'e', does: canEdit ? 'Edit, or look at it' : 'Save a copy', run: () => (canEdit ? edit(!isEditing) : mayStore && dialogs.saveCopy()) },
    ...(isEditing
      ? [
          { keys: 'a', does: 'Add a panel', run: () => dialogs.addPanel(0) },
          { keys: 'Ctrl+s', does: 'Save', run: dialogs.save },
        ]
      : []),
  ])
  return (
    <header className={styles.head}>
      <div className={styles.title}>
        <h1>{titleOf(document)}</h1>
        {listed?.isShipped && <Badge tone="glass">comes with the observatory</Badge>}
        {listed && !listed.isShipped && listed.updated && (
          <span className="muted">
            revision {listed.revision}, {listed.by ? `${listed.by}, ` : ''}
            {ago(Date.parse(listed.updated))}
          </span>
        )}
        {document.spec.display?.description && <p className="muted">{document.spec.display.description}</p>}
      </div>
      <div className={styles.tools}>
        {isEditing ? (
          <EditTools count={count} dialogs={dialogs} onStop={() => edit(false)} />
        ) : (
          <>
            {count > 0 && canEdit && <Badge tone="warn">{count === 1 ? 'a change that is not saved' : `${count} changes that are not saved`}</Badge>}
            {canEdit && (
              <ButtonLink icon="edit" change={{ edit: true, view: undefined, of: undefined }}>
                {count > 0 ? 'Go on editing' : 'Edit'}
              </ButtonLink>
            )}
            {!canEdit && mayStore && (
              <Button icon="copy" onClick={dialogs.saveCopy}>
                Save a copy
              </Button>
            )}
          </>
        )}
        <Menu label="More about this dashboard">
          {mayStore && (
            <MenuItem icon="copy" onChoose={dialogs.saveCopy}>
              Save a copy
            </MenuItem>
          )}
          <MenuItem icon="down" onChoose={() => download(document)}>
            Export as JSON
          </MenuItem>
          {canEdit && (
            <MenuItem icon="close" onChoose={dialogs.askRemove}>
              Delete
            </MenuItem>
          )}
        </Menu>
      </div>
    </header>
  )
}

function EditTools({ count, dialogs, onStop }: { count: number; dialogs: Dialogs; onStop: () => void }) {
  return (
    <>
      <Button icon="plus" onClick={() => dialogs.addPanel(0)}>
        Panel
      </Button>
      <Button icon="plus" onClick={dialogs.addSection}>
        Section
      </Button>
      <Button onClick={dialogs.settings}>Settings</Button>
      <Button kind="main" icon="check" disabled={count === 0 || dialogs.isBusy} onClick={dialogs.save}>
        Save
      </Button>
      {count > 0 ? <Button onClick={dialogs.askDiscard}>Discard</Button> : <Button onClick={onStop}>Done</Button>}
    </>
  )
}
