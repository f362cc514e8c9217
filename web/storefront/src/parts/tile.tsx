// A piece or a workshop in a list.
import type { Tile as TileData } from '../operations'
import { address, usePage } from '../page'
import { leaf } from '@vitrine/kit/src/time'
import { Stock } from './stock'
import styles from './tile.module.css'

interface ListProps {
  tiles: TileData[]
  /** How many are loaded at once, because they are seen at once. */
  eager?: number
  /** What the names are in the order of headings. */
  heading?: 'h2' | 'h3'
  /** A category of which all of them are, so that it need not be said. */
  within?: string
}

export function Tiles({ tiles, eager = 4, heading = 'h3', within }: ListProps) {
  return (
    <ul className={styles.grid}>
      {tiles.map((tile, at) => (
        <li key={tile.id}>
          <Tile tile={tile} eager={at < eager} heading={heading} within={within} />
        </li>
      ))}
    </ul>
  )
}

type TileProps = { tile: TileData; eager: boolean; heading: 'h2' | 'h3'; within: string | undefined }

function Tile({ tile, eager, heading: Heading, within }: TileProps) {
  const page = usePage()
  const date = tile.event && leaf(tile.event.startsAt)
  return (
    <article className={styles.tile}>
      <div className={styles.stage}>
        <img src={tile.picture} alt="" width="400" height="400" loading={eager ? 'eager' : 'lazy'} decoding="async" />
        {date && (
          <p className={styles.leaf} aria-hidden="true">
            <b>{date.day}</b> {date.month}
          </p>
        )}
      </div>
      <Heading className={styles.name}>
        <a href={address(page, `/p/${tile.slug}`)}>{tile.name}</a>
      </Heading>
      <p className={styles.price}>{tile.price.text}</p>
      {(tile.event || tile.category.slug !== within) && (
        <p className={styles.note}>{tile.event ? tile.event.text : tile.category.name}</p>
      )}
      <Stock tile={tile} />
    </article>
  )
}
