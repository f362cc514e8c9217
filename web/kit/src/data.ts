// The one seam for data: components ask for an operation's result here and do not know where it comes from.
import { createContext, useContext, useSyncExternalStore } from 'react'

/** A GraphQL document with the type of what it returns. */
export interface Operation<Data> {
  name: string
  document: string
  /** Never set: it carries the type. */
  readonly returns?: Data
}

export type Variables = Record<string, string | number | boolean | null>

/** A result, as the server sends it with the page. */
export interface Result {
  operation: string
  variables: Variables
  /** Null where it could not be read and the page does without. */
  data: unknown
}

/** Where results are read from. */
export interface Source {
  read(operation: string): unknown
  subscribe(changed: () => void): () => void
}

/** The results that came with the page, until newer ones of the same page take their place. */
export class PageSource implements Source {
  #results: Result[]
  #subscribers = new Set<() => void>()

  constructor(results: Result[]) {
    this.#results = results
  }

  read(operation: string): unknown {
    const found = this.#results.find((result) => result.operation === operation)
    if (found === undefined) throw new Error(`the page came without ${operation}`)
    return found.data
  }

  subscribe = (changed: () => void): (() => void) => {
    this.#subscribers.add(changed)
    return () => this.#subscribers.delete(changed)
  }

  replace(results: Result[]): void {
    this.#results = results
    for (const changed of this.#subscribers) changed()
  }
}

export const DataContext = createContext<Source | null>(null)

/** Returns the result of an operation that the page's route asked for. */
export function useData<Data>(operation: Operation<Data>): Data {
  const source = useContext(DataContext)
  if (source === null) throw new Error('there is no source of data above this component')
  const read = () => source.read(operation.name) as Data
  return useSyncExternalStore(source.subscribe, read, read)
}
