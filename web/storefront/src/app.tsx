// A page with all that stands around it.
import { DataContext, type Source } from '@vitrine/kit/src/data'
import type { ComponentType } from 'react'
import { PageContext, type PageInput } from './page'
import { Account } from './pages/account'
import { Cart } from './pages/cart'
import { Checkout, Pay } from './pages/checkout'
import { Home } from './pages/home'
import { Category, Search } from './pages/listing'
import { NotFound, Offline, Sorry } from './pages/not-found'
import { Order } from './pages/order'
import { Product } from './pages/product'
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
  account: Account,
  order: Order,
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
          <Shell>
            <Page />
          </Shell>
        </VisitorProvider>
      </DataContext.Provider>
    </PageContext.Provider>
  )
}
