// A source: its destinations, what would not be taken there, what is sent again, and its newest messages.
import { useState } from 'react'
import { useChange } from '../../data/use-change'
import { Answer } from '../../parts/answer'
import { Badge, Button, Field, Input, Select } from '../../parts/controls'
import { Drawer } from '../../parts/drawer'
import { Panel } from '../../parts/panel'
import { Question } from '../../parts/question'
import { flag, text, useParameters } from '../../router'
import { type Page, shopChange, type Source, useShop } from './api'
import { When } from './list'
import { NewDestination } from './new-destination'
import styles from './shop.module.css'

const FIELDS = { destination: text(), refused: flag() }
const HOUR_MS = 3600e3

const at = (id: string, rest: string) => `analytics/sources/${encodeURIComponent(id)}${rest}`

interface Asked {
  act: 'remove' | 'replay' | 'delete' | 'new'
  kind?: string
}

export function SourceDrawer({ id, may, onClose }: { id: string; may: boolean; onClose: () => void }) {
  const [{ destination }, change] = useParameters(FIELDS)
  const [asked, setAsked] = useState<Asked | null>(null)
  const reading = useShop<Source>(at(id, ''), {}, { keep: false })
  const close = () => setAsked(null)
  return (
    <Drawer
      title={reading.data?.name ?? id}
      of={id}
      onClose={onClose}
      actions={
        may && (
          <Button kind="bad" onClick={() => setAsked({ act: 'delete' })}>
            Delete …
          </Button>
        )
      }
    >
      <Answer reading={reading} what="the source">
        {({ write_key, destinations }) => (
          <div className="stack">
            <p>
              Write key <code>{write_key}</code>
            </p>
            <Panel title="Destinations" level={3} actions={may && <Button icon="plus" onClick={() => setAsked({ act: 'new' })}>Add</Button>}>
              {destinations.length === 0 && <p className="muted">Messages are kept, and sent nowhere.</p>}
              <ul className="lined">
                {destinations.map(({ kind, url, takes_emails, consent_categories }) => (
                  <li key={kind} className="row">
                    <Badge tone="glass">{kind}</Badge>
                    <span className={styles.grow}>
                      {url} {takes_emails && <Badge tone="warn">with e-mail addresses</Badge>} {consent_categories.map((category) => <Badge key={category}>needs {category}</Badge>)}
                    </span>
                    <Button aria-pressed={destination === kind} onClick={() => change({ destination: destination === kind ? undefined : kind })}>
                      Undelivered
                    </Button>
                    {may && <Button onClick={() => setAsked({ act: 'replay', kind })}>Replay …</Button>}
                    {may && <Button onClick={() => setAsked({ act: 'remove', kind })}>Remove …</Button>}
                  </li>
                ))}
              </ul>
              {destination !== '' && <Undelivered id={id} kind={destination} />}
            </Panel>
          </div>
        )}
      </Answer>
      <Messages id={id} />
      {asked?.act === 'new' && <NewDestination id={id} onClose={close} />}
      {asked?.act === 'replay' && <Replay id={id} kind={asked.kind!} onClose={close} />}
      {asked?.act === 'remove' && <Ask title={`Send no more to ${asked.kind}?`} does="Remove it" path={at(id, `/destinations?kind=${asked.kind}`)} onClose={close} onDone={close} />}
      {asked?.act === 'delete' && <Ask title="Delete this source?" does="Take no more with its key" path={at(id, '')} onClose={close} onDone={onClose} />}
    </Drawer>
  )
}

function Ask({ title, does, path, onClose, onDone }: { title: string; does: string; path: string; onClose: () => void; onDone: () => void }) {
  const change = useChange(onDone)
  return <Question title={title} does={does} kind="bad" isBusy={change.isPending} error={change.error} onClose={onClose} onSubmit={() => change.mutate(shopChange('DELETE', path))} />
}

/** Returns a moment as a field for local time has it. */
function local(ms: number): string {
  const time = new Date(ms)
  return new Date(ms - time.getTimezoneOffset() * 60e3).toISOString().slice(0, 16)
}

function Replay({ id, kind, onClose }: { id: string; kind: string; onClose: () => void }) {
  const [since, setSince] = useState(() => local(Date.now() - HOUR_MS))
  const replay = useChange(onClose)
  return (
    <Question title={`Send again to ${kind}`} does="Send again" isReady={since !== ''} isBusy={replay.isPending} error={replay.error} onClose={onClose} onSubmit={() => replay.mutate(shopChange('POST', at(id, '/replays'), { kind, since: new Date(since).toISOString() }))}>
      <p>All that came since then goes there once more. Receivers know messages by their ids.</p>
      <Field label="Since">
        <Input type="datetime-local" value={since} onChange={(event) => setSince(event.target.value)} />
      </Field>
    </Question>
  )
}

function Undelivered({ id, kind }: { id: string; kind: string }) {
  const reading = useShop<{ items: { event_id: string; messages: number; reason: string; received_at: string }[] }>(at(id, '/undelivered'), { kind })
  return (
    <Answer reading={reading} what="undelivered messages" isEmpty={({ items }) => items.length === 0} empty={`${kind} took all that was sent.`}>
      {({ items }) => (
        <ul className={styles.course}>
          {items.map(({ event_id, messages, reason, received_at }) => (
            <li key={event_id}>
              <When at={received_at} /> {messages} messages: <span className="bad">{reason}</span>
            </li>
          ))}
        </ul>
      )}
    </Answer>
  )
}

interface Message {
  message_id: string
  name: string
  type: string
  received_at: string
  refusal: string | null
}

function Messages({ id }: { id: string }) {
  const [{ refused }, change] = useParameters(FIELDS)
  const reading = useShop<Page<Message>>(at(id, '/messages'), { limit: 50, refused })
  return (
    <Panel
      title="Newest messages"
      level={3}
      request={reading.request}
      actions={
        <Select aria-label="Which messages" value={refused ? '1' : ''} onChange={(event) => change({ refused: event.target.value === '1' })}>
          <option value="">Taken</option>
          <option value="1">Refused</option>
        </Select>
      }
    >
      <Answer reading={reading} what="messages" isEmpty={({ items }) => items.length === 0} empty={refused ? 'None was refused.' : 'None came yet: send some with the write key to /v1/track.'}>
        {({ items }) => (
          <ul className={styles.course}>
            {items.map(({ message_id, name, type, received_at, refusal }) => (
              <li key={message_id}>
                <When at={received_at} /> <Badge>{type}</Badge> {name} {refusal && <span className="bad">{refusal}</span>} <code className="muted">{message_id}</code>
              </li>
            ))}
          </ul>
        )}
      </Answer>
    </Panel>
  )
}
