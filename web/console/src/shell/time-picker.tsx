// Which time is looked at: a few that people want mostly, or any.
import { useState } from 'react'
import { copy } from '../data/clipboard'
import { moment } from '../format'
import { useKeys } from '../keys'
import { Button, Field, Input, Menu, MenuItem } from '../parts/controls'
import { changedAddress, navigate } from '../router'
import { readTime, refresh, setTime, useTime } from '../time'
import styles from './shell.module.css'

const RANGES: [string, string][] = [
  ['now-5m', 'Last 5 minutes'],
  ['now-15m', 'Last 15 minutes'],
  ['now-30m', 'Last 30 minutes'],
  ['now-1h', 'Last hour'],
  ['now-3h', 'Last 3 hours'],
  ['now-12h', 'Last 12 hours'],
  ['now-1d', 'Last day'],
  ['now-7d', 'Last week'],
]

export function TimePicker() {
  const time = useTime()
  const setLive = (live: boolean) => navigate(changedAddress({ live }), { replace: true })
  const copyLink = () => {
    // Relative times would mean something else to who opens it later.
    const fixed = changedAddress({ from: Math.round(time.from), to: Math.round(time.to), live: false })
    copy(location.origin + fixed)
  }
  const move = (share: number) => setTime(time.from + (time.to - time.from) * share, time.to + (time.to - time.from) * share)
  useKeys('Time', [
    { keys: 't', does: 'Choose the time', run: () => document.querySelector<HTMLElement>('[data-time] summary')?.click() },
    { keys: 'r', does: 'Look again', run: refresh },
    { keys: '.', does: 'Look again by itself, or not', run: () => setLive(!time.isLive) },
    { keys: '<', does: 'Earlier', run: () => move(-0.5) },
    { keys: '>', does: 'Later', run: () => move(0.5) },
    { keys: '-', does: 'Twice as long', run: () => setTime(time.from - (time.to - time.from) / 2, time.to + (time.to - time.from) / 2) },
  ])
  const name = RANGES.find(([from]) => from === time.fromText && time.toText === 'now')?.[1]
  return (
    <div className={styles.time} data-time="">
      <Menu label="The time that is looked at" text={name ?? `${moment(time.from)} – ${time.toText === 'now' ? 'now' : moment(time.to)}`}>
        {RANGES.map(([from, name]) => (
          <MenuItem key={from} onChoose={() => setTime(from)}>
            {name}
          </MenuItem>
        ))}
        <Custom from={moment(time.from)} to={moment(time.to)} />
      </Menu>
      <Button kind="plain" icon={time.isLive ? 'pause' : 'play'} label={time.isLive ? 'Stop looking again by itself' : 'Look again by itself'} aria-pressed={time.isLive} disabled={!time.isRelative} onClick={() => setLive(!time.isLive)} />
      <Button kind="plain" icon="refresh" label="Look again" onClick={refresh} />
      <Button kind="plain" icon="link" label="Copy a link to this page at this time" onClick={copyLink} />
    </div>
  )
}

function Custom(now: { from: string; to: string }) {
  const [from, setFrom] = useState(now.from)
  const [to, setTo] = useState(now.to)
  const isGood = readTime(from, Date.now()) !== null && readTime(to, Date.now()) !== null
  const at = (text: string) => (text.trim().startsWith('now') ? text.trim() : (readTime(text, Date.now()) ?? text))
  return (
    <form
      className={styles.custom}
      onClick={(event) => event.stopPropagation()}
      onSubmit={(event) => {
        event.preventDefault()
        if (isGood) setTime(at(from), at(to))
      }}
    >
      <Field label="From" hint="2026-11-28 14:00, or now-2h">
        <Input value={from} onChange={(event) => setFrom(event.target.value)} />
      </Field>
      <Field label="To">
        <Input value={to} onChange={(event) => setTo(event.target.value)} />
      </Field>
      <Button kind="main" type="submit" disabled={!isGood}>
        Look at it
      </Button>
    </form>
  )
}
