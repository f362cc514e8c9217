// One panel over the whole page.
import { ButtonLink } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import type { Mark } from '../../parts/time-chart'
import type { TimeRange } from '../../time'
import { type PanelDocument, panelTitle } from './document'
import styles from './dashboards.module.css'
import { interpolate, type Values } from './interpolate'
import { PanelBody, panelKind } from './panels/panel-body'

const HEIGHT = 520

interface PanelAloneProps {
  panel: PanelDocument
  values: Values
  variables: string[]
  time: TimeRange
  marks: Mark[]
}

export function PanelAlone({ panel, values, ...rest }: PanelAloneProps) {
  return (
    <PanelBody panel={panel} values={values} height={HEIGHT} {...rest}>
      {(body, request) => (
        <Panel title={interpolate(panelTitle(panel), values) || 'Panel'} request={request} flush={panelKind(panel.spec.plugin.kind)?.isFlush} actions={<ButtonLink change={{ view: undefined, of: undefined }}>All panels</ButtonLink>}>
          <div className={styles.body} ref={(element) => element?.style.setProperty('--body', `${HEIGHT}px`)}>
            {body}
          </div>
        </Panel>
      )}
    </PanelBody>
  )
}
