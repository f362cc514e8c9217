// Metrics: which there are, what queries say of them, and what the queries mean.
import { useEffect, useState } from 'react'
import { useRemembered } from '../../data/remembered'
import { useKeys } from '../../keys'
import { Tabs } from '../../parts/controls'
import { rememberQuery } from '../../parts/recent-queries'
import { Beside } from '../../parts/side-list'
import { useParameters } from '../../router'
import { Beginning } from './beginning'
import { Explained } from './explained'
import { Explorer } from './explorer'
import { GraphPanel } from './graph-panel'
import { Queries } from './queries'
import { askedOf, letterOf, METRIC_FIELDS } from './state'
import { TablePanel } from './table-panel'

const TABS = [
  { name: 'graph' as const, label: 'Graph' },
  { name: 'table' as const, label: 'Table' },
  { name: 'explain' as const, label: 'Explained' },
]

export default function Page() {
  const [state, change] = useParameters(METRIC_FIELDS)
  const [hasExplorer, setExplorer] = useRemembered('metrics.explorer', innerWidth > 1000)
  const [drafts, setDrafts] = useState(state.q)
  const asked = askedOf(state.q, state.hide)
  const said = state.q.join('\n\n')
  useEffect(() => setDrafts(state.q), [said])
  const run = (texts = drafts) => {
    const kept = texts.map((text) => text.trim()).filter((text) => text !== '')
    for (const text of kept.toReversed()) rememberQuery('metrics', text)
    change({ q: kept, hide: state.hide.filter((letter) => kept.some((_, place) => letterOf(place) === letter)) })
  }
  /** A query that is chosen takes the place of one that is empty, or is the next. */
  const add = (text: string, isAlone: boolean) => run(isAlone && drafts.length <= 1 ? [text] : [...drafts, text])
  useKeys('Metrics', [
    { keys: '/', does: 'Go to the query', run: () => document.querySelector<HTMLElement>('[data-editor] textarea')?.focus() ?? focusEditor() },
    { keys: 'n', does: 'One more query', run: () => setDrafts([...drafts, '']) },
  ])
  return (
    <>
      <h1 className="sr-only">Metrics</h1>
      <Beside list={hasExplorer && <Explorer opened={state.metric} onAsk={add} />}>
        <Queries drafts={drafts} hidden={state.hide} onDrafts={setDrafts} onRun={run} isExplorerOpen={hasExplorer} onExplorer={() => setExplorer(!hasExplorer)} />
        {asked.length === 0 ? (
          <Beginning onAsk={(text) => run([text])} />
        ) : (
          <>
            <Tabs label="How it is shown" tabs={TABS} open={state.view} onOpen={(view) => change({ view: view === 'graph' ? undefined : view })} />
            {state.view === 'graph' && <GraphPanel asked={asked} />}
            {state.view === 'table' && asked.map((query) => <TablePanel key={query.letter} query={query} isOnly={state.q.length === 1} />)}
            {state.view === 'explain' && asked.map((query) => <Explained key={query.letter} query={query} isOnly={state.q.length === 1} onAsk={(text) => add(text, false)} />)}
          </>
        )}
      </Beside>
    </>
  )
}

function focusEditor() {
  const host = [...document.querySelectorAll('[data-editor] > div')].find(({ shadowRoot }) => shadowRoot !== null)
  host?.shadowRoot?.querySelector<HTMLElement>('.cm-content')?.focus()
}

