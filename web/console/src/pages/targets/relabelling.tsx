// From the labels with which a target was found to those that its series have: what each rule of the job made of them.
import { withParameters } from '../../data/http'
import { useApi } from '../../data/use-api'
import { Answer } from '../../parts/answer'
import { Badge } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { changesOf, type RelabelStep } from './target-data'
import styles from './targets.module.css'

interface RelabellingProps {
  job: string
  found: Record<string, string>
  /** What came of them; null if it was left out. */
  labels: Record<string, string> | null
}

export function Relabelling({ job, found, labels }: RelabellingProps) {
  const request = { path: withParameters('/prometheus/api/v1/targets/relabel_steps', { scrapePool: job, labels: JSON.stringify(found) }) }
  const steps = useApi(request, { read: (json) => (json as { data: { steps: RelabelStep[] } }).data.steps, staleMs: 30_000 })
  return (
    <Panel title="Labels" level={3} request={request}>
      {labels && <Table caption="Those of its series" labels={labels} />}
      <Answer reading={steps} what="rules of the job">
        {(all) => (all.length === 0 ? <p className={styles.quiet}>The job has no relabel_configs.</p> : <Steps steps={all} found={found} />)}
      </Answer>
      <details className={styles.found}>
        <summary>As it was found ({Object.keys(found).length})</summary>
        <Table caption="Labels as it was found" labels={found} isQuiet />
      </details>
    </Panel>
  )
}

function Table({ caption, labels, isQuiet }: { caption: string; labels: Record<string, string>; isQuiet?: boolean }) {
  return (
    <table className={styles.pairs}>
      <caption className={isQuiet ? 'sr-only' : undefined}>{caption}</caption>
      <tbody>
        {Object.entries(labels).map(([name, value]) => (
          <tr key={name}>
            <th scope="row" className="mono">
              {name}
            </th>
            <td className="mono">{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Steps({ steps, found }: { steps: RelabelStep[]; found: Record<string, string> }) {
  const end = steps.findIndex(({ keep }) => !keep)
  const shown = end < 0 ? steps : steps.slice(0, end + 1)
  return (
    <ol className={styles.steps} aria-label="What each rule did">
      {shown.map((step, place) => {
        const changes = changesOf(shown[place - 1]?.output ?? found, step)
        return (
          <li key={place} data-drops={step.keep ? undefined : ''}>
            <code>{ruleText(step)}</code>
            {step.keep ? (
              <span className="muted">{changes.length === 0 ? 'changed nothing' : changes.join(', ')}</span>
            ) : (
              <Badge tone="bad" icon="error">
                left it out
              </Badge>
            )}
          </li>
        )
      })}
      {shown.length < steps.length && <li className="muted">Rules behind it that were not asked: {steps.length - shown.length}.</li>}
    </ol>
  )
}

/** Returns a rule as one line. */
function ruleText({ rule }: RelabelStep): string {
  const from = rule.source_labels === undefined ? '' : ` [${rule.source_labels.join(rule.separator)}] =~ ${rule.regex}`
  const to = rule.target_label === undefined ? '' : ` → ${rule.target_label} = ${rule.replacement}`
  return `${rule.action}${from}${to}`
}
