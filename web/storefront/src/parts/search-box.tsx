// The search field of the bar. While someone types, products that fit are offered.
import { type FormEvent, type KeyboardEvent, useEffect, useId, useState } from 'react'
import { address, usePage } from '../page'
import { type Suggestion, suggestions } from '../suggestions'
import { Icon } from './icons'
import styles from './search-box.module.css'

/** A pause in typing after which it is asked, in milliseconds. */
const PAUSE_MS = 120

export function SearchBox() {
  const page = usePage()
  const id = useId()
  const [words, setWords] = useState(page.query.q ?? '')
  const [typed, setTyped] = useState(false)
  const [offered, setOffered] = useState<Suggestion[]>([])
  const [chosen, setChosen] = useState(-1)

  useEffect(() => {
    if (!typed || words.trim().length < 2) {
      setOffered([])
      return
    }
    const stop = new AbortController()
    const timer = setTimeout(() => {
      suggestions(words.trim(), page.currency, stop.signal)
        .then((found) => {
          setOffered(found)
          setChosen(-1)
        })
        // Without suggestions the search itself still works.
        .catch(() => {})
    }, PAUSE_MS)
    return () => {
      clearTimeout(timer)
      stop.abort()
    }
  }, [words, typed, page.currency])

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape') setOffered([])
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (step === 0 || offered.length === 0) return
    event.preventDefault()
    setChosen((now) => (now + 1 + step + offered.length + 1) % (offered.length + 1) - 1)
  }
  const onSubmit = (event: FormEvent) => {
    const product = offered[chosen]
    if (product === undefined) return
    event.preventDefault()
    location.assign(address(page, `/p/${product.slug}`))
  }
  const close = () => setTimeout(() => setOffered([]), 150)

  return (
    <form className={styles.form} role="search" action="/search" onSubmit={onSubmit}>
      {page.currency !== 'EUR' && <input type="hidden" name="currency" value={page.currency} />}
      <Icon name="search" size={18} />
      <input
        className={styles.input}
        type="search"
        name="q"
        maxLength={100}
        placeholder="Search"
        aria-label="Search the shop"
        autoComplete="off"
        role="combobox"
        aria-expanded={offered.length > 0}
        aria-controls={`${id}-list`}
        aria-activedescendant={chosen >= 0 ? `${id}-${chosen}` : undefined}
        value={words}
        onChange={(event) => {
          setTyped(true)
          setWords(event.target.value)
        }}
        onKeyDown={onKeyDown}
        onBlur={close}
      />
      <ul className={styles.list} id={`${id}-list`} role="listbox" aria-label="Suggestions" hidden={offered.length === 0}>
        {offered.map((product, at) => (
          <li key={product.slug} id={`${id}-${at}`} role="option" aria-selected={at === chosen}>
            <a href={address(page, `/p/${product.slug}`)} tabIndex={-1}>
              <img src={product.picture} alt="" width="40" height="40" />
              <span>{product.name}</span>
              <span className={styles.price}>{product.price.text}</span>
            </a>
          </li>
        ))}
      </ul>
    </form>
  )
}
