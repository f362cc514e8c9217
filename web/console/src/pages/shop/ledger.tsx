// The ledger: what stands on each account, in each currency, and what was booked.
import { figures } from '../../format'
import { Answer } from '../../parts/answer'
import { Badge } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { Panel } from '../../parts/panel'
import { text, useParameters } from '../../router'
import { grouped, money, type Money, type Page, type Transaction, useShop } from './api'
import { Find, NothingFits, PAGE_SIZE, Pager, ToTab, When } from './list'
import styles from './shop.module.css'

const FIELDS = { cursor: text(), order_id: text() }

interface Balance {
  balances: { account: string; amount: Money }[]
  transaction_count: number
  balanced: boolean
}

export function Ledger() {
  const [{ cursor, order_id }, change] = useParameters(FIELDS)
  const balance = useShop<Balance>('admin/ledger/balance')
  const booked = useShop<Page<Transaction>>('admin/ledger/transactions', { cursor, order_id, limit: PAGE_SIZE })
  const anew = (order_id: string | undefined) => change({ order_id, cursor: undefined })
  return (
    <>
      <Panel title="Balance" request={balance.request} actions={balance.data && <Balanced balance={balance.data} />}>
        <Answer reading={balance} what="balances" isEmpty={({ balances }) => balances.length === 0} empty="Nothing was booked yet.">
          {({ balances }) => <Accounts balances={balances} />}
        </Answer>
      </Panel>
      <Panel title="Transactions" request={booked.request} flush actions={<Find label="Order’s id" value={order_id} onFind={anew} />}>
        <Answer reading={booked} what="transactions" isEmpty={({ items }) => items.length === 0} empty={<NothingFits what="transactions" filters={[order_id]} onAll={() => anew(undefined)} />}>
          {({ items, next_cursor }) => (
            <>
              <DataTable label="Transactions" columns={COLUMNS} rows={items} rowKey={({ id }) => id} />
              <Pager cursor={cursor} next={next_cursor} />
            </>
          )}
        </Answer>
      </Panel>
    </>
  )
}

function Balanced({ balance }: { balance: Balance }) {
  return (
    <Badge tone={balance.balanced ? 'ok' : 'bad'} icon={balance.balanced ? 'check' : 'error'}>
      {balance.balanced ? 'debits and credits are equal' : 'not balanced'}, {figures(balance.transaction_count)} transactions
    </Badge>
  )
}

/** Accounts in rows, currencies in columns. */
function Accounts({ balances }: { balances: Balance['balances'] }) {
  const accounts = [...new Set(balances.map(({ account }) => account))]
  const currencies = [...new Set(balances.map(({ amount }) => amount.currency))].toSorted()
  const of = (account: string, currency: string) => {
    const found = balances.find((each) => each.account === account && each.amount.currency === currency)
    return found ? grouped(found.amount.amount) : '–'
  }
  return (
    <div className={styles.scroll} role="region" aria-label="Balances" tabIndex={0}>
      <table className={styles.lines}>
        <thead>
          <tr>
            <th scope="col">Account</th>
            {currencies.map((currency) => (
              <th scope="col" key={currency}>
                {currency}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {accounts.map((account) => (
            <tr key={account}>
              <th scope="row">{account}</th>
              {currencies.map((currency) => (
                <td key={currency}>{of(account, currency)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

const COLUMNS: Column<Transaction>[] = [
  { name: 'at', heading: 'Booked', cell: ({ at }) => <When at={at} /> },
  { name: 'kind', heading: 'Kind', cell: ({ kind }) => <Badge tone={kind === 'sale' ? 'ok' : 'warn'}>{kind}</Badge> },
  { name: 'entries', heading: 'Entries', wide: true, cell: ({ entries }) => entries.map(({ account, amount }) => `${account} ${money(amount)}`).join(' · ') },
  { name: 'order', heading: 'Order', cell: ({ order_id }) => <ToTab tab="orders" parameters={{ open: order_id }} mono>{order_id}</ToTab> },
]
