// Follows log records on the page, as /api/logs/tail sends them. Without it the page shows what was there when it was asked for.
'use strict'
{
  const MAX_LINES = 500
  const button = document.getElementById('tail')
  const status = document.getElementById('tail-status')
  const lines = document.getElementById('lines')
  const query = document.getElementById('query')
  let reading = null
  let dropped = 0

  const element = (name, className, text) => {
    const made = document.createElement(name)
    if (className) made.className = className
    if (text !== undefined) made.textContent = text
    return made
  }
  const text = (value) => (typeof value === 'string' ? value : JSON.stringify(value))

  const row = (table, name, value) => {
    const tr = element('tr')
    tr.append(element('td', 'mono', name), element('td', 'mono', text(value)))
    table.append(tr)
  }

  const line = (record) => {
    const level = record.level || 'none'
    const details = element('details', 'line ' + level)
    const summary = element('summary')
    summary.append(
      element('span', 'mono', record.time.slice(0, 23).replace('T', ' ').replace('Z', '')),
      element('span', 'lv', record.severity_text || record.level || ''),
      element('span', 'sv', record.service || ''),
      element('span', 'msg mono', text(record.message).slice(0, 600)),
    )
    const detail = element('div', 'detail')
    const table = element('table')
    for (const name of ['service', 'level', 'event', 'trace', 'span']) if (record[name]) row(table, name, record[name])
    for (const of of ['attributes', 'resource']) {
      for (const [name, value] of Object.entries(record[of] || {})) row(table, of + '.' + name, value)
    }
    detail.append(element('pre', '', text(record.message)), table)
    details.append(summary, detail)
    // Beside the line: what opens it may hold nothing that is pressed by itself.
    const shown = element('div', 'row')
    shown.append(details)
    if (record.trace) {
      const link = element('a', 'to', 'trace')
      link.href = '/trace/' + record.trace
      shown.append(link)
    }
    return shown
  }

  const take = (records) => {
    const fragment = document.createDocumentFragment()
    for (const record of records.slice(-MAX_LINES).reverse()) fragment.append(line(record))
    lines.prepend(fragment)
    while (lines.children.length > MAX_LINES) lines.lastElementChild.remove()
  }

  const say = (what) => {
    status.textContent = what + (dropped ? ', ' + dropped + ' dropped: narrow the query' : '')
  }

  const follow = async () => {
    reading = new AbortController()
    button.textContent = 'Stop'
    let end = 'Stopped'
    try {
      const address = '/api/logs/tail?query=' + encodeURIComponent(button.dataset.query)
      const answer = await fetch(address, { signal: reading.signal })
      if (!answer.ok) throw new Error((await answer.json()).error)
      say('Following')
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
      let waiting = ''
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        const parts = (waiting + value).split('\n')
        waiting = parts.pop()
        const records = []
        for (const part of parts) {
          const record = JSON.parse(part)
          if (record.dropped) dropped += record.dropped
          else if (record.error) throw new Error(record.error)
          else records.push(record)
        }
        take(records)
        say('Following')
      }
      end = 'The observatory has ended it'
    } catch (error) {
      if (error.name !== 'AbortError') end = error.message
    }
    reading = null
    button.textContent = 'Follow'
    say(end)
  }

  const toggle = () => (reading ? reading.abort() : follow())
  if (button && lines) {
    button.hidden = false
    button.addEventListener('click', toggle)
  }

  const step = (by) => {
    const all = [...document.querySelectorAll('details.line > summary')]
    const next = all[all.indexOf(document.activeElement) + by] || (by > 0 ? all[0] : null)
    if (next) next.focus()
  }
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return
    const acts = { '/': () => query.focus(), j: () => step(1), k: () => step(-1), f: () => button && !button.hidden && toggle() }
    if (acts[event.key]) {
      event.preventDefault()
      acts[event.key]()
    }
  })
}
