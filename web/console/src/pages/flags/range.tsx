// Campaigns of the fault range: how one is run, and its incidents and scores, read from the files that it writes.
import { useState } from 'react'
import { figures } from '../../format'
import { Badge, Button } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { Panel } from '../../parts/panel'
import { type Campaign, campaignOf, type RecordOfIncident, type Report } from './campaign'
import styles from './flags.module.css'

const COMMANDS = `vitrine range run campaign.json --out ./campaign
vitrine range report ./campaign --json > report.json
vitrine range score ./campaign --diagnoses mine.json --json > scores.json`

const SCORES = ['ac@1', 'ac@3', 'ac@5', 'avg@5', 'lift', 'f1', 'kind_ac@1', 'time', 'path_node_f1', 'evidence']

export function Range() {
  const [campaign, setCampaign] = useState<Campaign | null>(null)
  const open = async (list: FileList | null) => {
    if (list === null || list.length === 0) return
    setCampaign(campaignOf(await Promise.all([...list].map(async (file) => ({ name: file.name, text: await file.text() })))))
  }
  return (
    <>
      <Panel title="Campaigns">
        <div className="stack">
          <p>
            A campaign is a list of incidents whose cause is known; people and programs are scored on finding it. It is run from a terminal against a shop that is up, and what it writes stays in its folder. Open its files here: records, a report, scores. They stay in this browser.
          </p>
          <pre className={`listing ${styles.code}`}>{COMMANDS}</pre>
          <label className="row">
            Files of a campaign
            <input type="file" multiple accept="application/json,.json" onChange={(event) => void open(event.target.files)} />
          </label>
          {campaign?.strange.map((name) => (
            <p key={name} className="warn">
              {name} holds neither records nor scores of a campaign.
            </p>
          ))}
        </div>
      </Panel>
      {campaign && campaign.reports.length > 0 && <Scores reports={campaign.reports} />}
      {campaign && campaign.records.length > 0 && (
        <Panel title={`${campaign.records.length} incidents`} flush actions={<Button onClick={() => setCampaign(null)}>Close</Button>}>
          <DataTable label="Incidents" columns={INCIDENTS} rows={campaign.records} rowKey={({ id }) => id} sorted="ordinal" />
        </Panel>
      )}
    </>
  )
}

function Scores({ reports }: { reports: Report[] }) {
  const columns: Column<Report>[] = [
    { name: 'name', heading: 'Who', cell: ({ name }) => name, sort: ({ name }) => name },
    ...SCORES.filter((score) => reports.some(({ all }) => all.of[score])).map((score) => ({
      name: score,
      heading: score,
      end: true,
      sort: ({ all }: Report) => all.of[score]?.mean ?? NaN,
      cell: ({ all }: Report) => {
        const value = all.of[score]
        return value ? <span title={`95 %: ${value.low.toFixed(3)} to ${value.high.toFixed(3)}, of ${value.n}`}>{value.mean.toFixed(3)}</span> : '–'
      },
    })),
    { name: 'quiet', heading: 'Quiet at controls', end: true, cell: ({ controls }) => controls.mean.toFixed(3), sort: ({ controls }) => controls.mean },
    { name: 'none', heading: 'Named none', end: true, cell: ({ all }) => `${all.abstained} of ${all.cases}`, sort: ({ all }) => all.abstained },
  ]
  return (
    <Panel title="Scores" flush>
      <DataTable label="Scores" columns={columns} rows={reports} rowKey={({ name }) => name} sorted="-ac@1" />
    </Panel>
  )
}

const effectOf = ({ fault }: RecordOfIncident) => (fault === undefined ? '–' : typeof fault.what === 'string' ? fault.what : Object.keys(fault.what as object)[0])
const odd = ({ alerts_expected: expected, alerts_fired: fired }: RecordOfIncident) => [...expected.filter((alert) => !fired.includes(alert)).map((alert) => `${alert} did not fire`), ...fired.filter((alert) => !expected.includes(alert)).map((alert) => `${alert} fired`)]

const INCIDENTS: Column<RecordOfIncident>[] = [
  { name: 'ordinal', heading: '#', end: true, cell: ({ ordinal }) => ordinal, sort: ({ ordinal }) => ordinal },
  { name: 'kind', heading: 'Kind', cell: ({ control }) => <Badge>{control === 'none' ? 'fault' : control}</Badge>, sort: ({ control }) => control },
  { name: 'what', heading: 'What', cell: effectOf, sort: (record) => effectOf(record) ?? '' },
  { name: 'where', heading: 'Where', cell: ({ fault }) => (fault ? `${fault.where.service.join(', ')} (${fault.where.at})` : '–') },
  { name: 'layer', heading: 'Layer', cell: ({ layer }) => layer ?? '–', sort: ({ layer }) => layer ?? '' },
  { name: 'hits', heading: 'Hits', end: true, cell: ({ hits }) => `${figures(hits.hit)} of ${figures(hits.eligible)}`, sort: ({ hits }) => hits.hit },
  { name: 'visible', heading: 'Seen in telemetry', cell: ({ visible, control }) => (control !== 'none' ? '–' : visible ? <Badge tone="ok" icon="check">yes</Badge> : <Badge tone="warn" icon="error">no</Badge>) },
  { name: 'alerts', heading: 'Alerts', wide: true, cell: (record) => odd(record).join(', ') || 'as expected' },
]
