import { useData } from '@vitrine/kit/src/data'
import { Ads as AdsOperation, type HomeData, Home as HomeOperation, type Tile } from '../operations'
import { address, usePage } from '../page'
import { Ads } from '../parts/ads'
import { ButtonLink } from '../parts/controls'
import { Icon } from '../parts/icons'
import { Tiles } from '../parts/tile'
import styles from './home.module.css'

/** Pieces in the window of the hero; the others follow below. */
const IN_WINDOW = 3
const ON_SHELF = 8

/** The first piece of each category, so that what stands together differs. */
function ofEachKind(pieces: Tile[]): Tile[] {
  return pieces.filter((piece, at) => pieces.findIndex((other) => other.category.slug === piece.category.slug) === at)
}

export function Home() {
  const { picks, workshops, categories } = useData(HomeOperation)
  const inWindow = ofEachKind(picks.nodes).slice(0, IN_WINDOW)
  const others = picks.nodes.filter((piece) => !inWindow.includes(piece))
  return (
    <>
      <Hero pieces={inWindow} />
      <Categories categories={categories} />
      <Shelf title="Fresh from the furnace" tiles={others.slice(0, ON_SHELF)} />
      <Workshops workshops={workshops.nodes} />
      <Ads from={AdsOperation} />
    </>
  )
}

function Hero({ pieces }: { pieces: Tile[] }) {
  const page = usePage()
  return (
    <section className={styles.hero}>
      <div>
        <p className={styles.kicker}>Blown, cut, cast and leaded</p>
        <h1>
          A shop <em>made of glass</em>
        </h1>
        <p className={styles.lead}>
          Vases that hold light before they hold flowers. Lamps for long evenings. Workshops where you breathe the first
          bubble yourself.
        </p>
        <p className={styles.ways}>
          <ButtonLink href={address(page, '/search')}>
            See every piece <Icon name="arrow" size={18} />
          </ButtonLink>
          <ButtonLink quiet href={address(page, '/c/workshops', { sort: 'STARTS_AT' })}>
            Book a workshop
          </ButtonLink>
        </p>
      </div>
      <ul className={styles.window} aria-label="In the window today">
        {pieces.map((piece) => (
          <li key={piece.id}>
            <a href={address(page, `/p/${piece.slug}`)}>
              <img src={piece.picture} alt="" width="400" height="400" fetchPriority="high" />
              <span className={styles.label}>
                {piece.name} <span>{piece.price.text}</span>
              </span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Categories({ categories }: { categories: HomeData['categories'] }) {
  const page = usePage()
  return (
    <section className={styles.section} aria-labelledby="categories">
      <h2 id="categories">What we make</h2>
      <ul className={styles.categories}>
        {categories.map((category) => (
          <li key={category.slug}>
            <a href={address(page, `/c/${category.slug}`)}>
              {category.products.nodes.slice(0, 1).map((product) => (
                <img key={product.picture} src={product.picture} alt="" width="400" height="400" loading="lazy" />
              ))}
              <span className={styles.categoryName}>{category.name}</span>
              <span className={styles.categoryNote}>{category.description}</span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Shelf({ title, tiles }: { title: string; tiles: Tile[] }) {
  const page = usePage()
  return (
    <section className={styles.section} aria-labelledby="shelf">
      <div className={styles.head}>
        <h2 id="shelf">{title}</h2>
        <a href={address(page, '/search')}>All pieces</a>
      </div>
      <Tiles tiles={tiles} eager={0} />
    </section>
  )
}

function Workshops({ workshops }: { workshops: Tile[] }) {
  const page = usePage()
  if (workshops.length === 0) return null
  return (
    <section className={styles.workshops} aria-labelledby="workshops">
      <div className={styles.head}>
        <div>
          <h2 id="workshops">An afternoon at the furnace</h2>
          <p className={styles.lead}>Small groups, real heat, and a piece of your own to take home.</p>
        </div>
        <a href={address(page, '/c/workshops', { sort: 'STARTS_AT' })}>All workshops</a>
      </div>
      <Tiles tiles={workshops} eager={0} />
    </section>
  )
}
