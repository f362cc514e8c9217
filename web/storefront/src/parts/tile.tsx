// A piece or a workshop in a list.
import type { Tile as TileData } from '../operations'
import { address, usePage } from '../page'
import { leaf } from '@vitrine/kit/src/time'
import { Stock } from './stock'
import styles from './tile.module.css'

export function Tiles({ tiles, eager = 4 }: { tiles: TileData[]; eager?: number }) {
  return (
    <ul className={styles.grid}>
      {tiles.map((tile, at) => (
        <li key={tile.id}>
          <Tile tile={tile} eager={at < eager} />
        </li>
      ))}
    </ul>
  )
}

export function Tile({ tile, eager = false }: { tile: TileData; eager?: boolean }) {
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
      <h3 className={styles.name}>
        <a href={address(page, `/p/${tile.slug}`)}>{tile.name}</a>
      </h3>
      <p className={styles.price}>{tile.price.text}</p>
      <p className={styles.note}>{tile.event ? tile.event.text : tile.category.name}</p>
      <Stock tile={tile} />
    </article>
  )
}
