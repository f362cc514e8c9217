// The shop's back office: a tab for each thing that it keeps.
import { mayChange, useSession } from '../../data/session'
import { Tabs } from '../../parts/controls'
import { oneOf, useParameters } from '../../router'
import { Visits } from '../visits/funnel-panels'
import { Customers } from './customers'
import { Fraud } from './fraud'
import { Ledger } from './ledger'
import { Mailbox } from './mailbox'
import { Orders } from './orders'
import { Payments } from './payments'
import { Products } from './products'
import { Promoters } from './promoters'
import { Sources } from './sources'

const TABS = { products: 'Products', orders: 'Orders', customers: 'Customers', promoters: 'Promoters', payments: 'Payments', ledger: 'Ledger', fraud: 'Fraud', mailbox: 'Mailbox', funnel: 'Funnel', sources: 'Sources' }
type TabName = keyof typeof TABS
const NAMES = Object.keys(TABS) as TabName[]
const FIELDS = { tab: oneOf(NAMES, 'products') }
const VIEWS: Record<TabName, (props: { may: boolean }) => React.ReactNode> = { products: Products, orders: Orders, customers: Customers, promoters: Promoters, payments: Payments, ledger: Ledger, fraud: Fraud, mailbox: Mailbox, funnel: Visits, sources: Sources }
/** What a tab's address says that no other tab knows. */
const OWN = ['q', 'category', 'kind', 'sort', 'available', 'promoter_id', 'cursor', 'open', 'state', 'customer_id', 'order_id', 'min_score', 'refused', 'destination', 'over', 'answered']

export default function ShopPage() {
  const [{ tab }, change] = useParameters(FIELDS)
  const may = mayChange(useSession().data)
  const View = VIEWS[tab]
  const open = (name: TabName) => change({ ...Object.fromEntries(OWN.map((field) => [field, undefined])), tab: name === 'products' ? undefined : name })
  return (
    <div className="stack">
      <h1>Shop</h1>
      <Tabs label="Shop" tabs={NAMES.map((name) => ({ name, label: TABS[name] }))} open={tab} onOpen={open} />
      <View key={tab} may={may} />
    </div>
  )
}
