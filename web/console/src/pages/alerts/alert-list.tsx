// One list of all alerts, the gravest first: each with its state, its silence, whom it is told to, and its course against the threshold.
import { useMemo, useRef } from 'react'
import { useKeys } from '../../keys'
import { Answer, Problem } from '../../parts/answer'
import { Button, Input } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { Link, oneOf, text, useParameters } from '../../router'
import { AlertDrawer } from './alert-drawer'
import { AlertRow } from './alert-row'
import styles from './alerts.module.css'
import { RULES, useConfiguration, useRules, useSentAlerts, useSilences } from './api'
import { type Alert, alertsOf, type AlertState } from './model'

const STATES = ['', 'firing', 'pending', 'quiet'] as const
const NAMES: Record<(typeof STATES)[number], string> = { '': 'All', firing: 'Firing', pending: 'Pending', quiet: 'Kept quiet' }
const QUIET: AlertState[] = ['silenced', 'inhibited', 'muted']

const FIELDS = { find: text(), state: oneOf(STATES, ''), open: text() }

const fits = (alert: Alert, find: string, state: string) =>
  (state === '' || (state === 'quiet' ? QUIET.includes(alert.state) : alert.state === state)) && `${alert.name} ${JSON.stringify(alert.labels)} ${alert.annotations.summary ?? ''}`.toLowerCase().includes(find.trim().toLowerCase())

export function AlertList() {
  const [{ find, state, open }, change] = useParameters(FIELDS)
  const rules = useRules()
  const sent = useSentAlerts()
  const silences = useSilences()
  const configuration = useConfiguration()
  const all = useMemo(() => alertsOf(rules.data ?? [], sent.data ?? []), [rules.data, sent.data])
  useKeys('Alerts', [{ keys: '/', does: 'Find an alert', run: () => document.querySelector<HTMLElement>('main input[type="search"]')?.focus() }])
  const opened = all.find(({ key }) => key === open)
  const shared = { configuration: configuration.data ?? null, silences: silences.data ?? [] }
  const count = (name: (typeof STATES)[number]) => all.filter((alert) => fits(alert, find, name)).length
  return (
    <>
      <div className={styles.filters}>
        <Input type="search" aria-label="Find an alert" placeholder="Name, label, or words of its summary" value={find} onChange={(event) => change({ find: event.target.value }, { replace: true })} />
        <div className="row" role="group" aria-label="State">
          {STATES.map((name) => (
            <Button key={name} kind="plain" aria-pressed={state === name} onClick={() => change({ state: name })}>
              {NAMES[name]} {count(name) > 0 && <span className={styles.count}>{count(name)}</span>}
            </Button>
          ))}
        </div>
      </div>
      {sent.error && !sent.isFetching && <Problem error={new Error(`What is sent, and silences, cannot be read: ${sent.error.message}`)} onRetry={() => sent.refetch()} />}
      <Panel title="Alerts by severity" request={RULES} flush>
        <Answer reading={rules} what="alerts" isEmpty={() => all.length === 0} empty={<Nothing count={rules.data?.flatMap((group) => group.rules).filter(({ type }) => type === 'alerting').length ?? 0} />}>
          {() => <Found all={all} find={find} state={state} open={open} onOpen={(key) => change({ open: key })} {...shared} />}
        </Answer>
      </Panel>
      {opened && <AlertDrawer alert={opened} {...shared} onClose={() => change({ open: undefined })} />}
    </>
  )
}

function Nothing({ count }: { count: number }) {
  return (
    <p>
      All is quiet. {count === 0 ? 'No rule is there that could fire' : count === 1 ? 'One rule watches' : `${count} rules watch`}: see <Link change={{ tab: 'rules' }}>rules</Link>.
    </p>
  )
}

interface FoundProps {
  all: Alert[]
  find: string
  state: string
  open: string
  onOpen: (key: string) => void
  configuration: Parameters<typeof AlertRow>[0]['configuration']
  silences: Parameters<typeof AlertRow>[0]['silences']
}

function Found({ all, find, state, open, onOpen, ...shared }: FoundProps) {
  const list = useRef<HTMLUListElement>(null)
  const found = all.filter((alert) => fits(alert, find, state))
  if (found.length === 0) {
    return (
      <p className={styles.none}>
        None of {all.length} alerts fits {find !== '' && `“${find}”`} {state !== '' && `and the state ${NAMES[state as keyof typeof NAMES]}`}. <Link change={{ find: undefined, state: undefined }}>Show all</Link>
      </p>
    )
  }
  const move = (event: React.KeyboardEvent) => {
    const row = (event.target as HTMLElement).closest('li')
    const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key]
    if (step === undefined || event.target !== row) return
    event.preventDefault()
    event.stopPropagation()
    const next = step > 0 ? row?.nextElementSibling : row?.previousElementSibling
    if (next instanceof HTMLElement) next.focus()
  }
  return (
    <ul className={styles.list} ref={list} onKeyDown={move}>
      {found.map((alert) => (
        <AlertRow key={alert.key} alert={alert} isOpen={alert.key === open} onOpen={() => onOpen(alert.key)} {...shared} />
      ))}
    </ul>
  )
}
