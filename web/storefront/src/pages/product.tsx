import { useData } from '@vitrine/kit/src/data'
import { AdsOfProduct, Also, Product as ProductOperation, type ProductData } from '../operations'
import { address, usePage } from '../page'
import { Ads } from '../parts/ads'
import { BuyForm } from '../parts/buy-form'
import { Icon } from '../parts/icons'
import { Stock } from '../parts/stock'
import { Tiles } from '../parts/tile'
import { NotFound } from './not-found'
import styles from './product.module.css'

type Piece = NonNullable<ProductData['product']>

export function Product() {
  const { product } = useData(ProductOperation)
  if (product === null) return <NotFound />
  return (
    <>
      <article className={styles.product}>
        <Trail piece={product} />
        <div className={styles.stage}>
          <img src={product.picture} alt={`${product.name}, drawn`} width="800" height="800" fetchPriority="high" />
        </div>
        <div className={styles.words}>
          <h1>{product.name}</h1>
          <p className={styles.price}>
            {product.price.text}
            {product.event && <span> a seat</span>}
          </p>
          <Description text={product.description} />
          {product.event && <When event={product.event} />}
          <Stock tile={product} always />
          <BuyForm product={product} />
          <Facts piece={product} />
        </div>
      </article>
      <GoesWith />
      <Ads from={AdsOfProduct} />
    </>
  )
}

function Trail({ piece }: { piece: Piece }) {
  const page = usePage()
  return (
    <nav className={styles.trail} aria-label="Where you are">
      <a href={address(page, '/')}>Shop</a>
      <span aria-hidden="true">/</span>
      <a href={address(page, `/c/${piece.category.slug}`)}>{piece.category.name}</a>
    </nav>
  )
}

function Description({ text }: { text: string }) {
  return (
    <div className={styles.description}>
      {text.split(/\n+/).map((paragraph) => (
        <p key={paragraph}>{paragraph}</p>
      ))}
    </div>
  )
}

function When({ event }: { event: NonNullable<Piece['event']> }) {
  const taken = event.seats - event.seatsLeft
  return (
    <dl className={styles.when}>
      <div>
        <dt>
          <Icon name="clock" /> When
        </dt>
        <dd>
          <time dateTime={event.startsAt}>{event.text}</time>
        </dd>
      </div>
      <div>
        <dt>
          <Icon name="place" /> Where
        </dt>
        <dd>{event.venue}</dd>
      </div>
      <div>
        <dt>
          <Icon name="seat" /> Seats
        </dt>
        <dd>
          {event.seatsLeft} of {event.seats} free
          <meter className={styles.seats} min={0} max={event.seats} value={taken} aria-label={`${taken} of ${event.seats} seats taken`} />
        </dd>
      </div>
    </dl>
  )
}

function Facts({ piece }: { piece: Piece }) {
  const page = usePage()
  return (
    <dl className={styles.facts}>
      {piece.weightG > 0 && (
        <div>
          <dt>Weight</dt>
          <dd>{piece.weightG >= 1000 ? `${piece.weightG / 1000} kg` : `${piece.weightG} g`}</dd>
        </div>
      )}
      {piece.sold > 0 && (
        <div>
          <dt>{piece.event ? 'Booked so far' : 'Sold so far'}</dt>
          <dd>{piece.sold}</dd>
        </div>
      )}
      {piece.promoter && (
        <div>
          <dt>Sold by</dt>
          <dd>
            <a href={address(page, `/promoters/${piece.promoter.id}`)}>A studio beside ours</a>
          </dd>
        </div>
      )}
      <div>
        <dt>Words for it</dt>
        <dd className={styles.tags}>
          {piece.tags.map((tag) => (
            <a key={tag} href={address(page, '/search', { q: tag })}>
              {tag}
            </a>
          ))}
        </dd>
      </div>
    </dl>
  )
}

function GoesWith() {
  const also = useData(Also)
  const tiles = also?.recommendations.map((recommended) => recommended.product) ?? []
  if (tiles.length === 0) return null
  return (
    <section className={styles.also} aria-labelledby="also">
      <h2 id="also">Goes well with</h2>
      <Tiles tiles={tiles} eager={0} />
    </section>
  )
}
