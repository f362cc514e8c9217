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
        if request.to.is_empty() {
            return Err(Problem::invalid("to", "an e-mail address", "whose letters is not said").into());
        }
        let (size, cursor) = page_of(request.page.as_ref())?;
        let query = Query::eq("to", request.to.to_lowercase()).descending().limit(size).cursor(cursor);
        let page = self.0.find::<MessageDoc>(query).await.map_err(Failure::from)?;
        let head = |doc: MessageDoc| Message { text: String::new(), html: String::new(), ..doc.into() };
        let messages = page.items.into_iter().map(|m| head(m.doc)).collect();
        Ok(Response::new(ListMessagesResponse { messages, page: page_info(page.next_cursor) }))
    }

    async fn get_message(&self, request: Request<GetMessageRequest>) -> Result<Response<Message>, Status> {
        let id = request.into_inner().message_id;
        check_id("eml", &id, "message_id")?;
        let found = self.0.get::<MessageDoc>(&id).await.map_err(Failure::from)?;
        Ok(Response::new(found.ok_or_else(|| Problem::not_found("there is no such letter"))?.doc.into()))
    }
}
