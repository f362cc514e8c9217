//! The service's end of calls.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, PublishErrorKind, Subject, Subscriber};
use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt, Full, Limited};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::ServiceExt;
use vitrine_contracts::{DESCRIPTORS, Problem};
use vitrine_platform_mesh::{Transport, fence};

use crate::connection::Nats;
use crate::error::Error;
use crate::{unary, wire};

/// Calls that one service answers at a time here; the Fence, within it, may let fewer pass.
const CONCURRENT: usize = 2048;
/// How many messages may be under way from the server when a subscription is ended.
const UNDER_WAY: u64 = 1024;
/// How many fillers are sent at a time, to end a subscription that was promised more messages than came.
const FILLERS: usize = 128;
/// How often they are sent.
const FILL: Duration = Duration::from_millis(2);
/// How long the end of a subscription may take.
const LEAVE: Duration = Duration::from_secs(3);

impl Nats {
    /// Serves a service's calls until stopped, together with all other processes that do so: each call goes to one of them. Subscribed
    /// when this returns; the work is the future that it returns. When told to stop it takes no new calls, ends those that it
    /// has, and then ends itself. Refuses a service that streams.
    pub async fn serve(
        &self,
        service: &str,
        server: Transport,
        stop: CancellationToken,
    ) -> Result<impl Future<Output = ()> + Send + 'static, Error> {
        unary::check(DESCRIPTORS, &format!("{}.{service}.v1", wire::ROOT), service)?;
        let subjects = wire::subjects_of(service);
        let gate = Arc::new(Semaphore::new(CONCURRENT));
        let mut listening = Vec::new();
        for subject in &subjects {
            let subscribed = self.client().queue_subscribe(subject.clone(), service.to_owned()).await;
            let subscription = subscribed.map_err(|_| self.silent(&format!("a subscription to {subject}")))?;
            let responder =
                Responder { nats: self.clone(), service: service.into(), server: server.clone(), gate: gate.clone() };
            listening.push(responder.listen(subject.clone(), subscription, stop.clone()));
        }
        self.permitted(&subjects).await?;
        Ok(async move {
            futures::future::join_all(listening).await;
        })
    }
}

/// Where calls of one service come in.
#[derive(Clone)]
struct Responder {
    nats: Nats,
    service: Arc<str>,
    server: Transport,
    gate: Arc<Semaphore>,
}

impl Responder {
    async fn listen(self, subject: String, mut subscription: Subscriber, stop: CancellationToken) {
        let calls = TaskTracker::new();
        let mut received = 0;
        loop {
            tokio::select! {
                message = subscription.next() => match message {
                    Some(message) => {
                        received += 1;
                        self.take(message, &calls);
                    }
                    None => break,
                },
                () = stop.cancelled() => {
                    self.leave(&subject, subscription, received, &calls).await;
                    break;
                }
            }
        }
        calls.close();
        calls.wait().await;
        // Replies are on their way when this process ends.
        let _ = tokio::time::timeout(LEAVE, self.nats.client().flush()).await;
    }

    /// Ends a subscription, and loses nothing that the server has sent already.
    ///
    /// The client forgets a subscription as soon as it has written that it ends, also when it is said to drain, and drops what the
    /// server had sent before it read that. Only a subscription that ends after a number of messages ends at the same message on
    /// both sides. So that is asked for, and fillers, which no process answers, take the places of calls that do not come.
    async fn leave(&self, subject: &str, mut subscription: Subscriber, received: u64, calls: &TaskTracker) {
        if !self.nats.is_connected() || subscription.unsubscribe_after(received + UNDER_WAY).await.is_err() {
            return;
        }
        let filler = subject.replace('*', "-");
        let until = Instant::now() + LEAVE;
        let mut fill = tokio::time::interval(FILL);
        loop {
            tokio::select! {
                message = subscription.next() => match message {
                    Some(message) => self.take(message, calls),
                    None => return,
                },
                _ = fill.tick() => {
                    if Instant::now() >= until || !self.nats.is_connected() || self.nats.denied(&filler).is_some() {
                        break;
                    }
                    for _ in 0..FILLERS {
                        // When it fails the connection has ended, and with it the subscription.
                        let _ = self.nats.client().publish(filler.clone(), Bytes::new()).await;
                    }
                }
            }
        }
        tracing::warn!(subject, "calls that were under way to this process may be lost");
        while let Some(Some(message)) = subscription.next().now_or_never() {
            self.take(message, calls);
        }
    }

    fn take(&self, message: Message, calls: &TaskTracker) {
        // No caller waits for an answer: no call, or a filler.
        let Some(caller) = message.reply.clone() else { return };
        let responder = self.clone();
        match self.gate.clone().try_acquire_owned() {
            Ok(permit) => calls.spawn(async move {
                let answer = responder.answer(message).await;
                responder.reply(caller, answer).await;
                drop(permit);
            }),
            Err(_) => calls.spawn(async move {
                let problem = Problem::unavailable(&format!("{} has too many calls at once", responder.service));
                responder.reply(caller, Reply::failed(problem.into())).await;
            }),
        };
    }

    async fn answer(&self, message: Message) -> Reply {
        let answered = async {
            let unknown = || Status::unimplemented(format!("{} is no method", message.subject));
            let path = wire::path(&message.subject, &self.service).ok_or_else(unknown)?;
            let body = Full::new(wire::framed(&message.payload)?).map_err(|never| match never {});
            let mut request = http::Request::new(Body::new(body));
            *request.method_mut() = http::Method::POST;
            *request.version_mut() = http::Version::HTTP_2;
            *request.uri_mut() = path.parse().map_err(|_| unknown())?;
            *request.headers_mut() = wire::call_headers(message.headers.as_ref());
            request.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            request.headers_mut().insert(http::header::TE, HeaderValue::from_static("trailers"));
            Reply::read(self.server.clone().oneshot(request).await?).await
        };
        answered.await.unwrap_or_else(Reply::failed)
    }

    async fn reply(&self, caller: Subject, answer: Reply) {
        let client = self.nats.client();
        let mut sent = client.publish_with_headers(caller.clone(), answer.headers, answer.message).await;
        if sent.as_ref().is_err_and(|e| e.kind() == PublishErrorKind::MaxPayloadExceeded) {
            let instead = Reply::failed(wire::too_large("answer", client.max_payload()).into());
            sent = client.publish_with_headers(caller, instead.headers, instead.message).await;
        }
        if let Err(e) = sent {
            tracing::warn!(service = &*self.service, error = %e, "an answer could not be sent");
        }
    }
}

/// What goes back.
struct Reply {
    headers: async_nats::HeaderMap,
    message: Bytes,
}

impl Reply {
    async fn read(response: http::Response<Body>) -> Result<Self, Status> {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, fence::MAX_MESSAGE_BYTES).collect().await.map_err(Status::from_error)?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        let status = Status::from_header_map(&head.headers).or_else(|| Status::from_header_map(&trailers));
        let mut headers = async_nats::HeaderMap::new();
        wire::put_headers(&head.headers, &mut headers);
        wire::put_headers(&trailers, &mut headers);
        let message = match status.map(|s| s.code()) {
            Some(Code::Ok) => wire::unframed(&body.to_bytes())?,
            Some(_) => Bytes::new(),
            None => return Err(Status::unknown("the answer carries no status")),
        };
        Ok(Self { headers, message })
    }

    fn failed(status: Status) -> Self {
        let mut headers = async_nats::HeaderMap::new();
        let failed: HeaderMap = status.into_http::<()>().into_parts().0.headers;
        wire::put_headers(&failed, &mut headers);
        Self { headers, message: Bytes::new() }
    }
}
