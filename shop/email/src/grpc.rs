//! The contract, translated.

use tonic::{Request, Response, Status};
use vitrine_contracts::Problem;
use vitrine_contracts::email::v1::email_service_server::EmailService;
use vitrine_contracts::email::v1::{GetMessageRequest, ListMessagesRequest, ListMessagesResponse, Message};
use vitrine_platform_host::{Failure, check_id, page_info, page_of};
use vitrine_platform_store::{Query, Store};

use crate::store::MessageDoc;

pub(crate) struct Service(pub(crate) Store);

#[tonic::async_trait]
impl EmailService for Service {
    async fn list_messages(
        &self,
        request: Request<ListMessagesRequest>,
    ) -> Result<Response<ListMessagesResponse>, Status> {
        let request = request.into_inner();
        check_id("cus", &request.customer_id, "customer_id")?;
        let (size, cursor) = page_of(request.page.as_ref())?;
        let query = Query::eq("customer_id", request.customer_id).descending().limit(size).cursor(cursor);
        let page = self.0.find::<MessageDoc>(query).await.map_err(Failure::from)?;
        let head = |doc: MessageDoc| Message { text: String::new(), html: String::new(), ..doc.into() };
        let messages = page.items.into_iter().map(|m| head(m.doc)).collect();
        Ok(Response::new(ListMessagesResponse { messages, page: page_info(page.next_cursor) }))
    }

    async fn get_message(&self, request: Request<GetMessageRequest>) -> Result<Response<Message>, Status> {
        let GetMessageRequest { message_id, customer_id } = request.into_inner();
        check_id("eml", &message_id, "message_id")?;
        check_id("cus", &customer_id, "customer_id")?;
        let found = self.0.get::<MessageDoc>(&message_id).await.map_err(Failure::from)?;
        let own = found.filter(|letter| letter.customer_id == customer_id);
        Ok(Response::new(own.ok_or_else(|| Problem::not_found("there is no such letter"))?.doc.into()))
    }
}
