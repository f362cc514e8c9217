// Alerts, the rules behind them, silences, and who is told.
import { ButtonLink, Tabs } from '../../parts/controls'
import { oneOf, useParameters } from '../../router'
import { AlertList } from './alert-list'
import styles from './alerts.module.css'
import { useSentAlerts, useSilences } from './api'
import { Receivers } from './receivers'
import { Routes } from './routes'
import { Rules } from './rules'
import { Silences } from './silences'

const TABS = ['alerts', 'rules', 'silences', 'routes', 'receivers'] as const

const FIELDS = { tab: oneOf(TABS, 'alerts') }

export default function Page() {
  const [{ tab }, change] = useParameters(FIELDS)
  const firing = useSentAlerts().data?.filter(({ status }) => status.state === 'active').length
  const silences = useSilences().data?.filter(({ status }) => status.state !== 'expired').length
  const count = (number: number | undefined) => (number ? <span className={styles.count}>{number}</span> : null)
  return (
    <>
      <h1>Alerts</h1>
      <div className={styles.tabs}>
        <Tabs
          label="What of alerts"
          open={tab}
          onOpen={(name) => change({ tab: name === 'alerts' ? undefined : name, open: undefined, find: undefined, state: undefined })}
          tabs={[
            { name: 'alerts', label: <>Alerts {count(firing)}</> },
            { name: 'rules', label: 'Rules' },
            { name: 'silences', label: <>Silences {count(silences)}</> },
            { name: 'routes', label: 'Routes' },
            { name: 'receivers', label: 'Contact points' },
          ]}
        />
        <ButtonLink kind="plain" icon="check" to="/objectives">
          Objectives
        </ButtonLink>
      </div>
      {tab === 'alerts' && <AlertList />}
      {tab === 'rules' && <Rules />}
      {tab === 'silences' && <Silences />}
      {tab === 'routes' && <Routes />}
      {tab === 'receivers' && <Receivers />}
    </>
  )
}
