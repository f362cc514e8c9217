// Tables with their columns: a click writes a name where the cursor is.
import { useState } from 'react'
import { Answer } from '../../parts/answer'
import { Button } from '../../parts/controls'
import { SideItem, SideList } from '../../parts/side-list'
import type { Row } from '../../data/sql'
import type { Reading } from '../../data/use-api'
import { type Table, tablesOf } from './schema'
import styles from './schema-tree.module.css'

interface SchemaTreeProps {
  reading: Reading<Row[]>
  onInsert: (text: string) => void
  /** Asks for the newest rows of a table. */
  onLook: (statement: string) => void
}

export function SchemaTree({ reading, onInsert, onLook }: SchemaTreeProps) {
  const [part, setPart] = useState('')
  return (
    <SideList title="Tables" request={reading.request} find="Find a table or a column" part={part} onPart={setPart}>
      <Answer reading={reading} what="tables">
        {(rows) =>
          tablesOf(rows)
            .map((table) => found(table, part.trim().toLowerCase()))
            .filter((table) => table !== null)
            .map((table) => <Item key={table.name} table={table} isOpen={part !== ''} onInsert={onInsert} onLook={onLook} />)
        }
      </Answer>
    </SideList>
  )
}

function found(table: Table, part: string): Table | null {
  if (table.name.includes(part)) return table
  const columns = table.columns.filter(({ name }) => name.toLowerCase().includes(part))
  return columns.length > 0 ? { ...table, columns } : null
}

function Item({ table: { name, columns }, isOpen, onInsert, onLook }: { table: Table; isOpen: boolean } & Pick<SchemaTreeProps, 'onInsert' | 'onLook'>) {
  const hasTime = columns.some((column) => column.name === 'time')
  return (
    <SideItem name={name} detail={columns.length} isOpen={isOpen}>
      <div className={styles.actions}>
        <Button onClick={() => onLook(`SELECT *\nFROM ${name}${hasTime ? "\nWHERE time > now() - interval '15 minutes'\nORDER BY time DESC" : ''}\nLIMIT 100`)}>{hasTime ? 'Newest 100' : 'First 100'}</Button>
        <Button kind="plain" onClick={() => onInsert(name)}>
          Insert name
        </Button>
      </div>
      <ul className={styles.columns}>
        {columns.map((column) => (
          <li key={column.name}>
            <button type="button" onClick={() => onInsert(column.name)} title={`Write ${column.name} where the cursor is`}>
              <span className="cut">{column.name}</span>
              <small>
                {column.type}
                {column.isNullable && '?'}
              </small>
            </button>
          </li>
        ))}
      </ul>
    </SideItem>
  )
}
