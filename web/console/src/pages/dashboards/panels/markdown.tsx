// A text in Markdown, as elements: no HTML of others is ever put into the page.
import { createElement, Fragment, type ReactNode, useMemo } from 'react'
import { type Block, type Inline, readMarkdown } from '../markdown'
import styles from './panels.module.css'

export function Markdown({ text }: { text: string }) {
  const blocks = useMemo(() => readMarkdown(text), [text])
  return <div className={styles.markdown}>{blocks.map(drawBlock)}</div>
}

function drawBlock(block: Block, place: number): ReactNode {
  switch (block.kind) {
    case 'heading':
      // A panel's own heading is of the third level.
      return createElement(`h${Math.min(6, block.level + 3)}`, { key: place, 'data-level': block.level }, drawInline(block.of))
    case 'paragraph':
      return <p key={place}>{drawInline(block.of)}</p>
    case 'code':
      return <pre key={place}>{block.text}</pre>
    case 'rule':
      return <hr key={place} />
    case 'quote':
      return <blockquote key={place}>{block.of.map(drawBlock)}</blockquote>
    case 'list':
      return createElement(
        block.isOrdered ? 'ol' : 'ul',
        { key: place },
        block.items.map((item, at) => <li key={at}>{drawInline(item)}</li>),
      )
    case 'table':
      return (
        <table key={place}>
          <thead>
            <tr>
              {block.head.map((cell, at) => (
                <th key={at} scope="col">
                  {drawInline(cell)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {block.rows.map((row, at) => (
              <tr key={at}>
                {row.map((cell, column) => (
                  <td key={column}>{drawInline(cell)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )
  }
}

function drawInline(parts: Inline[]): ReactNode {
  return parts.map((part, place) => {
    if (part.kind === 'text') return <Fragment key={place}>{part.text}</Fragment>
    if (part.kind === 'code') return <code key={place}>{part.text}</code>
    if (part.kind === 'link') {
      return (
        <a key={place} href={part.to} rel="noreferrer noopener">
          {drawInline(part.of)}
        </a>
      )
    }
    return createElement(part.kind, { key: place }, drawInline(part.of))
  })
}
