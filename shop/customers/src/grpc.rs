//! The contract, translated.

use tonic::{Request, Response, Status};
use vitrine_contracts::common::v1::Address;
use vitrine_contracts::customers::v1::customers_service_server::CustomersService;
use vitrine_contracts::customers::v1::{
    Customer, DeleteAddressRequest, EraseCustomerRequest, EraseCustomerResponse, ExportCustomerRequest,
    ExportCustomerResponse, GetCustomerRequest, PutAddressRequest, SavedAddress, SignUpRequest, UpdateCustomerRequest,
};
use vitrine_contracts::limits::MAX_ADDRESSES;
use vitrine_contracts::{Problem, check_address};
use vitrine_kit::{clock, id};
use vitrine_platform_host::check_id;
use vitrine_platform_store::Stored;

use crate::domain;
use crate::store::{AddressDoc, CustomerDoc, Customers};

pub(crate) struct Service(pub(crate) Customers);

fn to_wire(Stored { doc, version }: Stored<CustomerDoc>) -> Customer {
    let address = |a: AddressDoc| SavedAddress {
        id: a.id,
        label: a.label,
        address: Some(Address {
            recipient: a.recipient,
            line1: a.line1,
            line2: a.line2,
            city: a.city,
            postal_code: a.postal_code,
            country_code: a.country,
        }),
    };
    Customer {
        id: doc.id,
        email: doc.email,
        display_name: doc.display_name,
        preferred_currency: doc.preferred_currency,
        addresses: doc.addresses.into_iter().map(address).collect(),
        created_at_unix_ms: doc.created_at,
        version,
    }
}

#[tonic::async_trait]
impl CustomersService for Service {
    async fn sign_up(&self, request: Request<SignUpRequest>) -> Result<Response<Customer>, Status> {
        Ok(Response::new(to_wire(self.0.sign_up(request.into_inner()).await?)))
    }

    async fn get_customer(&self, request: Request<GetCustomerRequest>) -> Result<Response<Customer>, Status> {
        let id = request.into_inner().customer_id;
        check_id("cus", &id, "customer_id")?;
        Ok(Response::new(to_wire(self.0.read(&id).await?)))
    }

    async fn update_customer(&self, request: Request<UpdateCustomerRequest>) -> Result<Response<Customer>, Status> {
        let request = request.into_inner();
        check_id("cus", &request.customer_id, "customer_id")?;
        let name = request.display_name.as_deref().map(domain::display_name).transpose()?;
        let currency = request.preferred_currency.as_deref().map(domain::preferred_currency).transpose()?;
        let change = |doc: &mut CustomerDoc| {
            if let Some(name) = &name {
                doc.display_name.clone_from(name);
            }
            if let Some(currency) = currency {
                currency.clone_into(&mut doc.preferred_currency);
            }
            Ok(())
        };
        Ok(Response::new(to_wire(self.0.change(&request.customer_id, request.expected_version, change).await?)))
    }

    async fn put_address(&self, request: Request<PutAddressRequest>) -> Result<Response<Customer>, Status> {
        let request = request.into_inner();
        check_id("cus", &request.customer_id, "customer_id")?;
        let saved =
            request.address.ok_or_else(|| Problem::invalid("address", "an address", "the address is missing"))?;
        let address = check_address(saved.address.as_ref(), "address")?;
        let label = domain::label(&saved.label)?;
        let adding = saved.id.is_empty();
        let id = if adding { id::new("adr") } else { check_id("adr", &saved.id, "address.id")?.to_owned() };
        let doc = AddressDoc::new(id, label, address);
        let change = |customer: &mut CustomerDoc| {
            match customer.addresses.iter().position(|a| a.id == doc.id) {
                Some(place) => customer.addresses[place] = doc.clone(),
                None if !adding => return Err(no_address()),
                None if customer.addresses.len() >= MAX_ADDRESSES => {
                    return Err(Problem::precondition(
                        "TOO_MANY_ADDRESSES",
                        &format!("{MAX_ADDRESSES} addresses are the most"),
                    ));
                }
                None => customer.addresses.push(doc.clone()),
            }
            Ok(())
        };
        Ok(Response::new(to_wire(self.0.change(&request.customer_id, request.expected_version, change).await?)))
    }

    async fn delete_address(&self, request: Request<DeleteAddressRequest>) -> Result<Response<Customer>, Status> {
        let request = request.into_inner();
        check_id("cus", &request.customer_id, "customer_id")?;
        check_id("adr", &request.address_id, "address_id")?;
        let change = |customer: &mut CustomerDoc| {
            let before = customer.addresses.len();
            customer.addresses.retain(|a| a.id != request.address_id);
            if customer.addresses.len() == before { Err(no_address()) } else { Ok(()) }
        };
        Ok(Response::new(to_wire(self.0.change(&request.customer_id, request.expected_version, change).await?)))
    }

    async fn export_customer(
        &self,
        request: Request<ExportCustomerRequest>,
    ) -> Result<Response<ExportCustomerResponse>, Status> {
        let id = request.into_inner().customer_id;
        check_id("cus", &id, "customer_id")?;
        let Stored { doc, version } = self.0.read(&id).await?;
        let json = serde_json::json!({
            "id": doc.id,
            "email": doc.email,
            "display_name": doc.display_name,
            "preferred_currency": doc.preferred_currency,
            "addresses": doc.addresses,
            "created_at": clock::rfc3339(doc.created_at),
            "version": version,
        });
        Ok(Response::new(ExportCustomerResponse { json: json.to_string() }))
    }

    async fn erase_customer(
        &self,
        request: Request<EraseCustomerRequest>,
    ) -> Result<Response<EraseCustomerResponse>, Status> {
        let EraseCustomerRequest { customer_id, expected_version } = request.into_inner();
        check_id("cus", &customer_id, "customer_id")?;
        self.0.erase(&customer_id, expected_version).await?;
        Ok(Response::new(EraseCustomerResponse {}))
    }
}

fn no_address() -> Problem {
    Problem::not_found("there is no such address")
}
