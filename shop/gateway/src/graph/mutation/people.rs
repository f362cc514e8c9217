//! Signing up, and what customers change of themselves.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use tonic::{Response, Status};
use vitrine_contracts::customers::v1 as wire;
use vitrine_contracts::customers::v1::customers_service_client::CustomersServiceClient;
use vitrine_platform_mesh::Transport;

use super::super::customer::{AddressInput, CustomerPayload};
use super::super::error::{InputError, refusable};
use super::super::scalars::CurrencyCode;
use super::super::session::session;
use crate::guard::Access;

/// Someone who wants to buy.
#[derive(InputObject)]
pub(crate) struct SignUpInput {
    email: String,
    password: String,
    display_name: String,
    /// EUR if none is named.
    preferred_currency: Option<CurrencyCode>,
}

/// What of a customer changes.
#[derive(InputObject)]
pub(crate) struct UpdateCustomerInput {
    display_name: Option<String>,
    preferred_currency: Option<CurrencyCode>,
    /// The change is refused with VERSION_MISMATCH if the customer has another version.
    expected_version: Option<i32>,
}

/// A customer who is to be erased.
#[derive(Default, InputObject)]
pub(crate) struct EraseCustomerInput {
    /// As in `UpdateCustomerInput`.
    expected_version: Option<i32>,
}

/// An address to keep.
#[derive(InputObject)]
pub(crate) struct AddAddressInput {
    #[graphql(default)]
    label: String,
    address: AddressInput,
    /// As in `UpdateCustomerInput`.
    expected_version: Option<i32>,
}

/// What stands in the place of an address that is kept.
#[derive(InputObject)]
pub(crate) struct UpdateAddressInput {
    id: ID,
    #[graphql(default)]
    label: String,
    address: AddressInput,
    /// As in `UpdateCustomerInput`.
    expected_version: Option<i32>,
}

/// An address to forget.
#[derive(InputObject)]
pub(crate) struct DeleteAddressInput {
    id: ID,
    /// As in `UpdateCustomerInput`.
    expected_version: Option<i32>,
}

/// Whether the customer is erased.
#[derive(SimpleObject)]
pub(crate) struct EraseCustomerPayload {
    erased: bool,
    errors: Vec<InputError>,
}

/// A version as services take it: what none can be is none that there is.
fn version(expected: Option<i32>) -> Option<u64> {
    expected.map(|version| u64::try_from(version).unwrap_or(u64::MAX))
}

/// Changes the caller.
async fn change<Changing>(
    ctx: &Context<'_>,
    change: impl FnOnce(CustomersServiceClient<Transport>, String) -> Changing,
) -> Result<CustomerPayload>
where
    Changing: Future<Output = Result<Response<wire::Customer>, Status>>,
{
    let session = session(ctx);
    let customer_id = session.admit(Access::Customer).await?.id.clone();
    let changed = change(session.gateway.deps.customers.clone(), customer_id).await;
    Ok(CustomerPayload::of(refusable(changed)?.map(Response::into_inner)))
}

/// Customers.
#[derive(Default)]
pub(crate) struct People;

#[Object]
impl People {
    /// Makes someone a customer.
    async fn sign_up(&self, ctx: &Context<'_>, input: SignUpInput) -> Result<CustomerPayload> {
        let SignUpInput { email, password, display_name, preferred_currency } = input;
        let preferred_currency = preferred_currency.map(|code| code.0.code().to_owned()).unwrap_or_default();
        let request = wire::SignUpRequest { email, password, display_name, preferred_currency };
        let made = session(ctx).gateway.deps.customers.clone().sign_up(request).await;
        Ok(CustomerPayload::of(refusable(made)?.map(Response::into_inner)))
    }

    /// Changes what is named, and nothing else.
    async fn update_customer(&self, ctx: &Context<'_>, input: UpdateCustomerInput) -> Result<CustomerPayload> {
        change(ctx, |mut customers, customer_id| async move {
            let request = wire::UpdateCustomerRequest {
                customer_id,
                expected_version: version(input.expected_version),
                display_name: input.display_name,
                preferred_currency: input.preferred_currency.map(|code| code.0.code().to_owned()),
            };
            customers.update_customer(request).await
        })
        .await
    }

    /// Erases the customer and the account, for good.
    async fn erase_customer(&self, ctx: &Context<'_>, input: EraseCustomerInput) -> Result<EraseCustomerPayload> {
        let session = session(ctx);
        let customer_id = session.admit(Access::Customer).await?.id.clone();
        let request = wire::EraseCustomerRequest { customer_id, expected_version: version(input.expected_version) };
        let erased = refusable(session.gateway.deps.customers.clone().erase_customer(request).await)?;
        Ok(match erased {
            Ok(_) => EraseCustomerPayload { erased: true, errors: Vec::new() },
            Err(refused) => EraseCustomerPayload { erased: false, errors: vec![refused] },
        })
    }

    /// Keeps one more address.
    async fn add_address(&self, ctx: &Context<'_>, input: AddAddressInput) -> Result<CustomerPayload> {
        let saved = wire::SavedAddress { id: String::new(), label: input.label, address: Some(input.address.into()) };
        put(ctx, saved, input.expected_version).await
    }

    /// Puts another address in the place of one that is kept.
    async fn update_address(&self, ctx: &Context<'_>, input: UpdateAddressInput) -> Result<CustomerPayload> {
        let saved = wire::SavedAddress { id: input.id.0, label: input.label, address: Some(input.address.into()) };
        put(ctx, saved, input.expected_version).await
    }

    /// Forgets an address.
    async fn delete_address(&self, ctx: &Context<'_>, input: DeleteAddressInput) -> Result<CustomerPayload> {
        change(ctx, |mut customers, customer_id| async move {
            let (address_id, expected_version) = (input.id.0, version(input.expected_version));
            let request = wire::DeleteAddressRequest { customer_id, address_id, expected_version };
            customers.delete_address(request).await
        })
        .await
    }
}

async fn put(ctx: &Context<'_>, saved: wire::SavedAddress, expected: Option<i32>) -> Result<CustomerPayload> {
    change(ctx, |mut customers, customer_id| async move {
        let request =
            wire::PutAddressRequest { customer_id, address: Some(saved), expected_version: version(expected) };
        customers.put_address(request).await
    })
    .await
}
