//! Forgets the cards of customers who were erased. Payments stay: the ledger rests on them.

use prost::Message;
use vitrine_contracts::customers::v1::CustomerErased;
use vitrine_platform_bus::{Event, HandleError, Handler};
use vitrine_platform_host::erasure;
use vitrine_platform_store::{Query, Store, Tx};

use crate::store::TokenDoc;

pub(crate) struct ErasureHandler(pub(crate) Store);

#[tonic::async_trait]
impl Handler for ErasureHandler {
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let customer_id = CustomerErased::decode(event.payload.as_slice())?.customer_id;
        erasure::erase(tx, &customer_id).await?;
        for token in self.0.find_all::<TokenDoc>(Query::eq("customer_id", customer_id)).await? {
            tx.delete::<TokenDoc>(&token.token);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tonic::{Code, Request, Response, Status};
    use vitrine_contracts::payments::v1::payments_service_server::PaymentsService;
    use vitrine_contracts::payments::v1::{Card, TokenizeCardRequest, TokenizeCardResponse};
    use vitrine_flags_client::Flags;
    use vitrine_kit::clock::Clock;
    use vitrine_kit::id;
    use vitrine_platform_host::erasure::DataSubject;
    use vitrine_platform_store::Schema;
    use vitrine_platform_telemetry::{Config, Telemetry};

    use super::{CustomerErased, ErasureHandler, Event, Handler, Message, Store, TokenDoc};
    use crate::grpc::Service;
    use crate::store::PaymentDoc;

    async fn handle(handler: &impl Handler, store: &Store, message: &impl Message) {
        let event = Event { payload: message.encode_to_vec(), ..Event::default() };
        let mut tx = store.begin();
        handler.handle(&event, &mut tx).await.expect("handled");
        tx.commit().await.expect("committed");
    }

    async fn tokenize(service: &Service, customer_id: &str) -> Result<TokenizeCardResponse, Status> {
        let number = "4242424242424242".to_owned();
        let card = Card { number, expiry_month: 12, expiry_year: 2034, cvv: "123".to_owned() };
        let request = TokenizeCardRequest { customer_id: customer_id.to_owned(), card: Some(card) };
        service.tokenize_card(Request::new(request)).await.map(Response::into_inner)
    }

    #[tokio::test]
    async fn cards_of_who_was_erased_are_gone_and_none_is_kept() {
        let schema = Schema::new().with::<PaymentDoc>().with::<TokenDoc>().with::<DataSubject>();
        let store = Store::temporary("payments", schema).expect("a database");
        let telemetry = Telemetry::new(Config { disabled: true, ..Config::default() });
        let flags = Flags::of_code().handle(&telemetry.service("payments"), crate::flags::FLAGS);
        let service = Service { store: store.clone(), clock: Clock::system(), flags };
        let (ada, bob) = (id::new("cus"), id::new("cus"));
        let of_ada = tokenize(&service, &ada).await.expect("kept").token;
        let of_bob = tokenize(&service, &bob).await.expect("kept").token;
        let kept = async |token: &str| store.get::<TokenDoc>(token).await.expect("read").is_some();
        assert!(kept(&of_ada).await && kept(&of_bob).await);

        handle(&ErasureHandler(store.clone()), &store, &CustomerErased { customer_id: ada.clone() }).await;
        assert!(!kept(&of_ada).await && kept(&of_bob).await);
        let refused = tokenize(&service, &ada).await.expect_err("erased");
        assert_eq!(refused.code(), Code::NotFound, "{refused:?}");
        tokenize(&service, &bob).await.expect("somebody else's is kept");
    }
}
