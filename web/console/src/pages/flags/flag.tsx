// One flag: its rule beside its explanation, what changes of it did, who served what, what is planned, and its history.
import { useState } from 'react'
import { withParameters } from '../../data/http'
import { flagsPath, mayChange, useSession } from '../../data/session'
import { useResponse } from '../../data/use-api'
import { ago, moment } from '../../format'
import { Answer } from '../../parts/answer'
import { Badge, Button, Menu, MenuItem } from '../../parts/controls'
import { addressOf, Link, navigate, text, useParameters } from '../../router'
import { changeOfFlag, type Declaration, type Entry, type Flag, type Life, useFlagsApi } from './api'
import { Stage } from './catalogue'
import { Change } from './change'
import { Effect } from './effect'
import { Evaluations } from './evaluations'
import { Explain } from './explain'
import styles from './flags.module.css'
import { SetChoice } from './flags'
import { History } from './history'
import { definitionText } from './json-text'
import { Planned } from './planned'
import { NewRollOut } from './roll-out'
import { RuleEditor } from './rule-editor'
import { StopAll } from './stop-all'
import { Switch } from './switch'

const FIELDS = { set: text() }

interface Read {
  flag: Flag
  source: string
}

export default function Page({ parts }: { parts: Record<string, string> }) {
  const key = parts.key ?? ''
  const [{ set }] = useParameters(FIELDS)
  const reading = useResponse<Read>({ path: withParameters(flagsPath(`/api/v1/flags/${encodeURIComponent(key)}`), { set }) }, async (response) => {
    const answer = await response.text()
    return { flag: JSON.parse(answer) as Flag, source: definitionText(answer) }
  }, { refetchMs: 5000, keep: false })
  return (
    <div className="stack">
      <StopAll />
      <nav aria-label="Where this is" className="muted">
        <Link to="/flags" parameters={{ set }}>
          Flags
        </Link>{' '}
        / {set && `set ${set} / `}
        <span className="mono">{key}</span>
      </nav>
      <Answer reading={reading} what={`the flag ${key}`}>
        {({ flag, source }) => <FlagPage key={`${set} ${flag.key}`} flag={flag} source={source} set={set} request={reading.request} />}
      </Answer>
    </div>
  )
}

function FlagPage({ flag, source, set, request }: { flag: Flag; source: string; set: string; request: { path: string } | null }) {
  const may = mayChange(useSession().data)
  const [isDraft, setDraft] = useState(false)
  const history = useFlagsApi<{ entries: Entry[] }>(`flags/${encodeURIComponent(flag.key)}/history`, { set, limit: 100 })
  const flags = useFlagsApi<{ flags: Flag[] }>('flags', { set })
  const declared = useFlagsApi<{ declarations: Declaration[] }>('declarations', {}, { staleMs: 30_000 })
  const life = flags.data?.flags.find(({ key }) => key === flag.key)?.life
  const owners = [...new Set([...(life?.owners ?? []), ...(declared.data?.declarations.filter(({ key }) => key === flag.key).map(({ owner }) => owner) ?? [])])]
  const marks = (history.data?.entries ?? []).map(({ atMs, who, why, action }) => ({ time: atMs, text: `${action} by ${who}: ${why}` }))
  return (
    <div className="stack">
      <Head flag={flag} life={life} set={set} may={may} />
      <div className={styles.pair}>
        <RuleEditor flag={flag} source={source} set={set} may={may} request={request} onDraft={setDraft} />
        <Explain flag={flag.key} set={set} revision={flag.revision} isDraft={isDraft} />
      </div>
      <Effect services={owners} marks={marks} />
      <Evaluations flag={flag.key} marks={marks} />
      <Planned set={set} flag={flag.key} may={may} />
      <History set={set} flag={flag.key} may={may} />
    </div>
  )
}

function Head({ flag, life, set, may }: { flag: Flag; life: Life | undefined; set: string; may: boolean }) {
  const [act, setAct] = useState<'rollout' | 'archive' | 'delete' | null>(null)
  const close = () => setAct(null)
  const away = (title: string, method: 'POST' | 'DELETE', path: string) => (
    <Change title={`${title} ${flag.key}?`} does={title} kind="bad" onClose={close} onDone={({ status }) => status !== 202 && navigate(addressOf('/flags', { set }))} request={(about, revision = flag.revision) => changeOfFlag(method, { key: flag.key, set, revision }, path, about)}>
      <p>{title === 'Archive' ? 'It is deleted, and its key is reserved for 90 days.' : 'Whoever reads it gets what stands in code. The history can bring it back.'}</p>
    </Change>
  )
  return (
    <header className="stack">
      <div className="row">
        <h1>{flag.key}</h1>
        <SetChoice set={set} onChoose={(set) => navigate(addressOf(location.pathname, { set }))} />
        <Switch flag={flag} set={set} may={may} />
        <Button disabled={!may} onClick={() => setAct('rollout')}>
          Roll out …
        </Button>
        {may && (
          <Menu label="More to do with this flag">
            <MenuItem onChoose={() => setAct('archive')}>Archive …</MenuItem>
            <MenuItem icon="close" onChoose={() => setAct('delete')}>
              Delete …
            </MenuItem>
          </Menu>
        )}
      </div>
      <p>{life?.purpose ?? String(flag.definition.metadata?.purpose ?? 'Nothing says what it is for: its metadata could, as purpose.')}</p>
      <p className="row muted">
        <Badge>{flag.type}</Badge>
        <Stage stage={life?.stage} drift={life?.drift ?? []} />
        {life?.kind && <Badge>{life.kind}</Badge>}
        {flag.broken && <Badge tone="bad" icon="error">{flag.broken}</Badge>}
        <span>{life?.lastReadMs ? `${life.reads.toLocaleString('en')} reads, the last ${ago(life.lastReadMs)} by ${life.lastReader}` : 'Nobody has read it yet'}</span>
        <span title={moment(flag.changedMs)}>changed {ago(flag.changedMs)}</span>
      </p>
      {act === 'rollout' && <NewRollOut flag={flag} set={set} onClose={close} />}
      {act === 'archive' && away('Archive', 'POST', '/archive')}
      {act === 'delete' && away('Delete', 'DELETE', '')}
    </header>
  )
}
