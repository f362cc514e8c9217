// A page with all that stands around it.
import { DataContext, type Source } from '@vitrine/kit/src/data'
import type { ComponentType } from 'react'
import { Measuring } from './measuring/measuring'
import { PageContext, type PageInput } from './page'
import { Account } from './pages/account'
import { Cart } from './pages/cart'
import { Challenge } from './pages/challenge'
import { Checkout, Pay } from './pages/checkout'
import { Home } from './pages/home'
import { Category, Search } from './pages/listing'
import { Letter, Mailbox } from './pages/mailbox'
import { NotFound, Offline, Sorry } from './pages/not-found'
import { Order } from './pages/order'
import { Product } from './pages/product'
import { PromoterKeys } from './pages/promoter-keys'
import { Promoter } from './pages/promoter'
import { SignIn, SignUp } from './pages/sign'
import { Shell } from './parts/shell'
import type { PageName } from './routes'
import { VisitorProvider } from './visitor'

const PAGES: Record<PageName, ComponentType> = {
  home: Home,
  category: Category,
  search: Search,
  product: Product,
  cart: Cart,
  'sign-in': SignIn,
  'sign-up': SignUp,
  checkout: Checkout,
  pay: Pay,
  challenge: Challenge,
  account: Account,
  'promoter-keys': PromoterKeys,
  order: Order,
  mailbox: Mailbox,
  letter: Letter,
  promoter: Promoter,
  offline: Offline,
  'not-found': NotFound,
  sorry: Sorry,
}

export function App({ input, source }: { input: PageInput; source: Source }) {
  const Page = PAGES[input.page]
  return (
    <PageContext.Provider value={input}>
      <DataContext.Provider value={source}>
        <VisitorProvider>
          {input.page === 'challenge' ? (
            <Page />
          ) : (
            <>
              <Shell>
                <Page />
              </Shell>
              <Measuring />
            </>
          )}
        </VisitorProvider>
      </DataContext.Provider>
    </PageContext.Provider>
  )
}
