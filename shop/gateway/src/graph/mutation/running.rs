//! What those who run the shop do.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use tonic::Status;
use vitrine_contracts::auth::v1::{RotateKeysRequest, SetAccountLockRequest};
use vitrine_contracts::orders::v1::Order;

use super::super::error::{InputError, refusable};
use super::super::order::{OrderPayload, OrderState};
use super::super::session::{Session, session};
use crate::guard::Access;

/// Where an order goes next.
#[derive(InputObject)]
pub(crate) struct TransitionOrderInput {
    order_id: ID,
    /// SHIPPED, DELIVERED, CANCELLED or REFUNDED.
    to: OrderState,
    #[graphql(default)]
    reason: String,
}

/// An account to let in, or not.
#[derive(InputObject)]
pub(crate) struct SetAccountLockInput {
    account_id: ID,
    locked: bool,
}

/// Whether an account is let in.
#[derive(SimpleObject)]
pub(crate) struct AccountLockPayload {
    /// Null when the change was refused.
    account_id: Option<ID>,
    locked: bool,
    errors: Vec<InputError>,
}

/// A new signing key.
#[derive(InputObject)]
pub(crate) struct RotateKeysInput {
    /// The older keys are good no more, and all tokens of theirs end.
    #[graphql(default)]
    compromised: bool,
}

/// The new signing key.
#[derive(SimpleObject)]
pub(crate) struct RotateKeysPayload {
    key_id: Option<ID>,
    errors: Vec<InputError>,
}

async fn moved(session: &Session, input: TransitionOrderInput) -> Result<Order, Status> {
    session.gateway.transition(input.order_id.0, input.to.into(), &input.reason).await
}

/// Running the shop.
#[derive(Default)]
pub(crate) struct Running;

#[Object]
impl Running {
    /// Moves an order along. For admins.
    #[graphql(complexity = "50 + child_complexity")]
    async fn transition_order(&self, ctx: &Context<'_>, input: TransitionOrderInput) -> Result<OrderPayload> {
        let session = session(ctx);
        session.admit(Access::Admin).await?;
        Ok(OrderPayload::of(refusable(moved(session, input).await)?))
    }

    /// Lets no one in as an account, and ends its tokens; or lets them in again. For admins.
    async fn set_account_lock(&self, ctx: &Context<'_>, input: SetAccountLockInput) -> Result<AccountLockPayload> {
        let session = session(ctx);
        session.admit(Access::Admin).await?;
        let request = SetAccountLockRequest { account_id: input.account_id.0.clone(), locked: input.locked };
        Ok(match refusable(session.gateway.deps.auth.clone().set_account_lock(request).await)? {
            Ok(_) => {
                AccountLockPayload { account_id: Some(input.account_id), locked: input.locked, errors: Vec::new() }
            }
            Err(refused) => AccountLockPayload { account_id: None, locked: !input.locked, errors: vec![refused] },
        })
    }

    /// Signs with a new key from now on. For admins.
    async fn rotate_keys(&self, ctx: &Context<'_>, input: RotateKeysInput) -> Result<RotateKeysPayload> {
        let session = session(ctx);
        session.admit(Access::Admin).await?;
        let request = RotateKeysRequest { compromised: input.compromised };
        Ok(match refusable(session.gateway.rotate_keys(request).await)? {
            Ok(key_id) => RotateKeysPayload { key_id: Some(ID(key_id)), errors: Vec::new() },
            Err(refused) => RotateKeysPayload { key_id: None, errors: vec![refused] },
        })
    }
}
