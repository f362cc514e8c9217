//! The contract, translated.

use tonic::{Request, Response, Status};
use vitrine_contracts::Problem;
use vitrine_contracts::fraud::v1::fraud_service_server::FraudService;
use vitrine_contracts::fraud::v1::{Assessment, GetAssessmentRequest, ListAssessmentsRequest, ListAssessmentsResponse};
use vitrine_contracts::limits::MAX_SCORE;
use vitrine_platform_host::{Failure, check_id, page_info, page_of};
use vitrine_platform_store::{Query, Store};

use crate::store::AssessmentDoc;

pub(crate) struct Service(pub(crate) Store);

#[tonic::async_trait]
impl FraudService for Service {
    async fn get_assessment(&self, request: Request<GetAssessmentRequest>) -> Result<Response<Assessment>, Status> {
        let id = request.into_inner().order_id;
        check_id("ord", &id, "order_id")?;
        let found = self.0.get::<AssessmentDoc>(&id).await.map_err(Failure::from)?;
        let missing = || Problem::not_found("this order was not assessed, or not yet");
        Ok(Response::new(found.ok_or_else(missing)?.to_wire()))
    }

    async fn list_assessments(
        &self,
        request: Request<ListAssessmentsRequest>,
    ) -> Result<Response<ListAssessmentsResponse>, Status> {
        let request = request.into_inner();
        if request.min_score > MAX_SCORE {
            let expected = format!("0 to {MAX_SCORE}");
            return Err(Problem::invalid("min_score", &expected, "no assessment has so high a score").into());
        }
        let (size, cursor) = page_of(request.page.as_ref())?;
        // Without a least score the newest come first; with one, the highest do.
        let query = match request.min_score {
            0 => Query::all(),
            score => Query::range("score", i64::from(score)..=i64::from(MAX_SCORE)),
        };
        let page =
            self.0.find::<AssessmentDoc>(query.descending().limit(size).cursor(cursor)).await.map_err(Failure::from)?;
        let assessments = page.items.iter().map(|a| a.to_wire()).collect();
        Ok(Response::new(ListAssessmentsResponse { assessments, page: page_info(page.next_cursor) }))
    }
}
