//! What those who run the shop see.

use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, Error, ID, Object, SimpleObject};
use vitrine_contracts::accounting::v1 as accounting;
use vitrine_contracts::accounting::v1::{GetTrialBalanceRequest, ListTransactionsRequest};
use vitrine_contracts::fraud::v1 as fraud;
use vitrine_contracts::fraud::v1::{GetAssessmentRequest, ListAssessmentsRequest};
use vitrine_contracts::orders::v1::{
    GetAnyOrderRequest, ListAllOrdersRequest, ListOrdersRequest, OrderState as WireState,
};
use vitrine_contracts::payments::v1 as payments;

use super::cost::times;
use super::error::{failure, findable};
use super::money::{Money, as_bought};
use super::order::{Order, OrderState, Orders};
use super::page::Paging;
use super::scalars::{DateTime, int};
use super::session::session;

/// The shop, for those who run it.
pub(crate) struct Admin;

#[Object]
impl Admin {
    /// Everyone's orders, or one customer's, newest first.
    #[graphql(complexity = "times(first, child_complexity)")]
    async fn orders(
        &self,
        ctx: &Context<'_>,
        customer_id: Option<ID>,
        state: Option<OrderState>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
    ) -> Result<Orders, Error> {
        let (mut orders, paging) = (session(ctx).gateway.deps.orders.clone(), Paging::new(first, after)?);
        let (state, page) = (state.map_or(WireState::Unspecified, WireState::from).into(), paging.request());
        let (found, info) = match customer_id {
            Some(ID(customer_id)) => {
                let found = orders.list_orders(ListOrdersRequest { customer_id, state, page }).await;
                let found = found.map_err(|status| failure(&status))?.into_inner();
                (found.orders, found.page)
            }
            None => {
                let found = orders.list_all_orders(ListAllOrdersRequest { state, page }).await;
                let found = found.map_err(|status| failure(&status))?.into_inner();
                (found.orders, found.page)
            }
        };
        Ok(paging.connection(found, info, Order))
    }

    /// An order of anyone's.
    async fn order(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Order>, Error> {
        let request = GetAnyOrderRequest { order_id: id.0 };
        let found = findable(session(ctx).gateway.deps.orders.clone().get_any_order(request).await)?;
        Ok(found.map(|found| Order(found.into_inner())))
    }

    /// Oldest first.
    #[graphql(complexity = "times(first, child_complexity)")]
    async fn payments(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
    ) -> Result<Connection<String, Payment>, Error> {
        let paging = Paging::new(first, after)?;
        let request = payments::ListPaymentsRequest { page: paging.request() };
        let found = session(ctx).gateway.deps.payments.clone().list_payments(request).await;
        let found = found.map_err(|status| failure(&status))?.into_inner();
        Ok(paging.connection(found.payments, found.page, Payment))
    }

    /// The ledger's balances.
    async fn trial_balance(&self, ctx: &Context<'_>) -> Result<TrialBalance, Error> {
        let found = session(ctx).gateway.deps.accounting.clone().get_trial_balance(GetTrialBalanceRequest {}).await;
        let found = found.map_err(|status| failure(&status))?.into_inner();
        let balances = found.balances.iter().map(Entry::of).collect::<Result<_, _>>()?;
        Ok(TrialBalance { balances, transaction_count: int(found.transaction_count), balanced: found.balanced })
    }

    /// What was booked, newest first; for one order if it is named.
    #[graphql(complexity = "times(first, child_complexity)")]
    async fn ledger(
        &self,
        ctx: &Context<'_>,
        order_id: Option<ID>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
    ) -> Result<Connection<String, LedgerTransaction>, Error> {
        let paging = Paging::new(first, after)?;
        let order_id = order_id.map(|id| id.0).unwrap_or_default();
        let request = ListTransactionsRequest { order_id, page: paging.request() };
        let found = session(ctx).gateway.deps.accounting.clone().list_transactions(request).await;
        let found = found.map_err(|status| failure(&status))?.into_inner();
        Ok(paging.connection(found.transactions, found.page, LedgerTransaction))
    }

    /// How risky orders are: newest first; with a least score highest first.
    #[graphql(complexity = "times(first, child_complexity)")]
    async fn assessments(
        &self,
        ctx: &Context<'_>,
        min_score: Option<i32>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
    ) -> Result<Connection<String, Assessment>, Error> {
        let paging = Paging::new(first, after)?;
        let min_score = min_score.map_or(0, |score| u32::try_from(score).unwrap_or(u32::MAX));
        let request = ListAssessmentsRequest { min_score, page: paging.request() };
        let found = session(ctx).gateway.deps.fraud.clone().list_assessments(request).await;
        let found = found.map_err(|status| failure(&status))?.into_inner();
        Ok(paging.connection(found.assessments, found.page, Assessment))
    }

    /// How risky an order is.
    async fn assessment(&self, ctx: &Context<'_>, order_id: ID) -> Result<Option<Assessment>, Error> {
        let request = GetAssessmentRequest { order_id: order_id.0 };
        let found = findable(session(ctx).gateway.deps.fraud.clone().get_assessment(request).await)?;
        Ok(found.map(|found| Assessment(found.into_inner())))
    }
}

/// A state of a payment.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum PaymentState {
    /// The bank asks whoever pays.
    Challenged,
    Authorized,
    Captured,
    Voided,
    Refunded,
    Declined,
}

/// A payment, as the shop sees it.
pub(crate) struct Payment(payments::Payment);

#[Object]
impl Payment {
    async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    async fn state(&self) -> PaymentState {
        match self.0.state() {
            payments::PaymentState::Unspecified | payments::PaymentState::Authorized => PaymentState::Authorized,
            payments::PaymentState::Challenged => PaymentState::Challenged,
            payments::PaymentState::Captured => PaymentState::Captured,
            payments::PaymentState::Voided => PaymentState::Voided,
            payments::PaymentState::Refunded => PaymentState::Refunded,
            payments::PaymentState::Declined => PaymentState::Declined,
        }
    }

    async fn amount(&self) -> Result<Money, Error> {
        as_bought(self.0.amount.as_ref())
    }

    async fn captured(&self) -> Result<Money, Error> {
        as_bought(self.0.captured.as_ref())
    }

    async fn refunded(&self) -> Result<Money, Error> {
        as_bought(self.0.refunded.as_ref())
    }

    async fn scheme(&self) -> &str {
        &self.0.scheme
    }

    async fn last4(&self) -> &str {
        &self.0.last4
    }

    /// The order's id.
    async fn reference(&self) -> &str {
        &self.0.reference
    }

    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at_unix_ms)
    }
}

/// An amount on an account; debit is positive.
#[derive(SimpleObject)]
pub(crate) struct Entry {
    account: String,
    amount: Money,
}

impl Entry {
    fn of(entry: &accounting::Entry) -> Result<Self, Error> {
        Ok(Self { account: entry.account.clone(), amount: as_bought(entry.amount.as_ref())? })
    }
}

/// The ledger's balances.
#[derive(SimpleObject)]
pub(crate) struct TrialBalance {
    balances: Vec<Entry>,
    transaction_count: i32,
    /// True when every currency sums to zero.
    balanced: bool,
}

/// What was booked.
pub(crate) struct LedgerTransaction(accounting::Transaction);

#[Object]
impl LedgerTransaction {
    async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    async fn order_id(&self) -> ID {
        ID(self.0.order_id.clone())
    }

    /// sale or refund.
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    async fn entries(&self) -> Result<Vec<Entry>, Error> {
        self.0.entries.iter().map(Entry::of).collect()
    }

    async fn at(&self) -> DateTime {
        DateTime(self.0.at_unix_ms)
    }
}

/// How risky an order is, and why.
pub(crate) struct Assessment(fraud::Assessment);

#[Object]
impl Assessment {
    async fn order_id(&self) -> ID {
        ID(self.0.order_id.clone())
    }

    async fn customer_id(&self) -> ID {
        ID(self.0.customer_id.clone())
    }

    /// The sum of what the rules gave.
    async fn score(&self) -> i32 {
        int(self.0.score)
    }

    /// What comes of it, as REST says it.
    async fn verdict(&self) -> String {
        crate::dto::word(self.0.verdict().as_str_name(), "VERDICT_")
    }

    async fn findings(&self) -> Vec<Finding> {
        let finding = |finding: &fraud::Finding| Finding {
            rule: finding.rule.clone(),
            points: int(finding.points),
            explanation: finding.explanation.clone(),
        };
        self.0.findings.iter().map(finding).collect()
    }

    async fn at(&self) -> DateTime {
        DateTime(self.0.at_unix_ms)
    }
}

/// What a rule found.
#[derive(SimpleObject)]
pub(crate) struct Finding {
    rule: String,
    points: i32,
    explanation: String,
}
