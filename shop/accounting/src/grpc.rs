//! The contract, translated.

use std::collections::BTreeMap;

use tonic::{Request, Response, Status};
use vitrine_contracts::accounting::v1::accounting_service_server::AccountingService;
use vitrine_contracts::accounting::v1::{
    GetTrialBalanceRequest, ListTransactionsRequest, ListTransactionsResponse, TrialBalance,
};
use vitrine_flags_client::{Handle, Subject};
use vitrine_platform_host::{Failure, check_id, page_info, page_of};
use vitrine_platform_store::{Query, Store};

use crate::flags::ZERO_BALANCES;
use crate::store::{BalanceDoc, TransactionDoc};

pub(crate) struct Service {
    pub(crate) store: Store,
    pub(crate) flags: Handle,
}

#[tonic::async_trait]
impl AccountingService for Service {
    async fn get_trial_balance(&self, _: Request<GetTrialBalanceRequest>) -> Result<Response<TrialBalance>, Status> {
        // At most four accounts in each of some thirty currencies: one page.
        let balances = self.store.find::<BalanceDoc>(Query::all()).await.map_err(Failure::from)?.items;
        let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
        for balance in &balances {
            *sums.entry(balance.0.currency.as_str()).or_default() += i128::from(balance.0.minor);
        }
        let zeros = self.flags.read(&ZERO_BALANCES, &Subject::ANYONE);
        Ok(Response::new(TrialBalance {
            balanced: sums.values().all(|sum| *sum == 0),
            balances: balances.iter().filter(|b| zeros || b.0.minor != 0).map(|b| b.0.to_wire()).collect(),
            transaction_count: self.store.count::<TransactionDoc>(Query::all()).await.map_err(Failure::from)?,
        }))
    }

    async fn list_transactions(
        &self,
        request: Request<ListTransactionsRequest>,
    ) -> Result<Response<ListTransactionsResponse>, Status> {
        let request = request.into_inner();
        let (size, cursor) = page_of(request.page.as_ref())?;
        let mut query = Query::all().descending().limit(size).cursor(cursor);
        if !request.order_id.is_empty() {
            query = query.and_eq("order_id", check_id("ord", &request.order_id, "order_id")?);
        }
        let page = self.store.find::<TransactionDoc>(query).await.map_err(Failure::from)?;
        let transactions = page.items.iter().map(|t| t.to_wire()).collect();
        Ok(Response::new(ListTransactionsResponse { transactions, page: page_info(page.next_cursor) }))
    }
}
