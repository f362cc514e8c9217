// One panel over the whole page.
import { ButtonLink } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import type { TimeRange } from '../../time'
import { type PanelDocument, panelTitle } from './document'
import styles from './dashboards.module.css'
import { interpolate, type Values } from './interpolate'
import { PanelBody, panelKind } from './panels/panel-body'

const HEIGHT = 520

export function PanelAlone({ panel, values, variables, time }: { panel: PanelDocument; values: Values; variables: string[]; time: TimeRange }) {
  return (
    <PanelBody panel={panel} values={values} variables={variables} time={time} height={HEIGHT}>
      {(body, request) => (
        <Panel title={interpolate(panelTitle(panel), values) || 'Panel'} request={request} flush={panelKind(panel.spec.plugin.kind)?.isFlush} actions={<ButtonLink change={{ view: undefined }}>All panels</ButtonLink>}>
          <div className={styles.body} ref={(element) => element?.style.setProperty('--body', `${HEIGHT}px`)}>
            {body}
          </div>
        </Panel>
      )}
    </PanelBody>
  )
}
