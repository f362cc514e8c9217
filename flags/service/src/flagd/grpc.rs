//! Evaluation over gRPC.

use std::future::{Ready, ready};
use std::pin::Pin;

use axum::extract::Request;
use axum::response::Response;
use futures::{Stream, StreamExt, stream};
use http::{Extensions, HeaderMap};
use prost_types::Struct;
use tonic::server::Grpc;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;
use vitrine_flags_engine::{Evaluation, FlagType, Value, VariantValue};

use super::messages::{
    AnyFlag, AnyValue, BooleanResponse, EventStreamRequest, EventStreamResponse, FloatResponse, IntResponse,
    ObjectResponse, ResolveAllRequest, ResolveAllResponse, ResolveRequest, StringResponse,
};
use super::{MAX_REQUEST_BYTES, Problem, Version, asked_type, open_stream, resolve, selection, structs};
use crate::events;
use crate::role::Role;
use crate::service::FlagService;

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        Self::new(problem.code, problem.message)
    }
}

/// A codec with the bound of requests.
pub(super) fn codec<Request, Reply>() -> Grpc<ProstCodec<Reply, Request>>
where
    Request: prost::Message + Default + Send + 'static,
    Reply: prost::Message + Default + Send + 'static,
{
    Grpc::new(ProstCodec::default()).max_decoding_message_size(MAX_REQUEST_BYTES)
}

/// What a method does, as tonic takes it.
fn handler<M, T>(
    headers: HeaderMap,
    handle: impl Fn(&HeaderMap, M) -> Result<T, Problem> + Clone,
) -> impl Fn(tonic::Request<M>) -> Ready<Result<tonic::Response<T>, Status>> + Clone {
    move |message: tonic::Request<M>| {
        ready(handle(&headers, message.into_inner()).map(tonic::Response::new).map_err(Status::from))
    }
}

/// Responds with one message.
pub(super) async fn unary<M, R>(
    request: Request,
    handle: impl Fn(&HeaderMap, M) -> Result<R, Problem> + Clone + Send + 'static,
) -> Response
where
    M: prost::Message + Default + Send + 'static,
    R: prost::Message + Default + Send + 'static,
{
    let service = service_fn(handler(request.headers().clone(), handle));
    codec::<M, R>().unary(service, request).await.map(axum::body::Body::new)
}

/// Messages of a stream.
pub(super) type Messages<R> = Pin<Box<dyn Stream<Item = Result<R, Status>> + Send>>;

/// Responds with a stream of messages.
pub(super) async fn streaming<M, R>(
    request: Request,
    handle: impl Fn(&HeaderMap, M) -> Result<Messages<R>, Problem> + Clone + Send + 'static,
) -> Response
where
    M: prost::Message + Default + Send + 'static,
    R: prost::Message + Default + Send + 'static,
{
    let service = service_fn(handler(request.headers().clone(), handle));
    codec::<M, R>().server_streaming(service, request).await.map(axum::body::Body::new)
}

/// There is no such method.
pub(super) fn unimplemented(method: &str) -> Response {
    Status::new(Code::Unimplemented, format!("there is no method {method}")).into_http::<axum::body::Body>()
}

pub(super) async fn call(service: FlagService, version: Version, method: &str, request: Request) -> Response {
    match (method, asked_type(method)) {
        (_, Some(FlagType::Boolean)) => {
            one(service, version, FlagType::Boolean, request, |told| {
                let value = if let Some(VariantValue::Bool(value)) = told.value { Some(value) } else { None };
                BooleanResponse { value, reason: told.reason, variant: told.variant, metadata: told.metadata }
            })
            .await
        }
        (_, Some(FlagType::String)) => {
            one(service, version, FlagType::String, request, |told| {
                let value = if let Some(VariantValue::Text(value)) = told.value { Some(value.into()) } else { None };
                StringResponse { value, reason: told.reason, variant: told.variant, metadata: told.metadata }
            })
            .await
        }
        (_, Some(FlagType::Float)) => {
            one(service, version, FlagType::Float, request, |told| {
                let value = if let Some(VariantValue::Number(value)) = told.value { Some(value) } else { None };
                FloatResponse { value, reason: told.reason, variant: told.variant, metadata: told.metadata }
            })
            .await
        }
        (_, Some(FlagType::Integer)) => {
            one(service, version, FlagType::Integer, request, |told| {
                let value = if let Some(VariantValue::Number(value)) = told.value { Some(whole(value)) } else { None };
                IntResponse { value, reason: told.reason, variant: told.variant, metadata: told.metadata }
            })
            .await
        }
        (_, Some(FlagType::Object)) => {
            one(service, version, FlagType::Object, request, |told| ObjectResponse {
                value: told.object,
                reason: told.reason,
                variant: told.variant,
                metadata: told.metadata,
            })
            .await
        }
        ("ResolveAll", _) if version == Version::V1 => {
            unary(request, move |headers, message: ResolveAllRequest| all(&service, headers, &message)).await
        }
        ("EventStream", _) => {
            let extensions = request.extensions().clone();
            streaming(request, move |headers, _: EventStreamRequest| event_stream(&service, &extensions, headers)).await
        }
        _ => unimplemented(method),
    }
}

/// A whole number that was checked to be one. What is beyond 64 bits stays at their end.
#[expect(clippy::cast_possible_truncation, reason = "a cast of a double saturates")]
fn whole(value: f64) -> i64 {
    value as i64
}

/// What is told of a flag, whatever its type.
struct Resolved {
    value: Option<VariantValue>,
    object: Option<Struct>,
    reason: String,
    variant: Option<String>,
    metadata: Option<Struct>,
}

impl Resolved {
    fn of(evaluation: &Evaluation<'_>) -> Self {
        let variant = evaluation.variant;
        Self {
            value: variant.map(|variant| variant.value.clone()),
            object: variant.filter(|v| v.value == VariantValue::Object).map(|variant| structs::object(&variant.json)),
            reason: evaluation.reason.name().to_owned(),
            variant: variant.map(|variant| variant.name.to_string()),
            metadata: Some(structs::object(evaluation.metadata)),
        }
    }
}

async fn one<R: prost::Message + Default + Send + 'static>(
    service: FlagService,
    version: Version,
    kind: FlagType,
    request: Request,
    reply: impl Fn(Resolved) -> R + Clone + Send + 'static,
) -> Response {
    unary(request, move |headers, message: ResolveRequest| {
        let now = service.flags.current();
        let fields = message.context.unwrap_or_default();
        let context = context(&fields)?;
        let evaluation = resolve(&service, &now, version, headers, &message.flag_key, kind, &context)?;
        Ok(reply(Resolved::of(&evaluation)))
    })
    .await
}

fn context(of: &Struct) -> Result<Value<'_>, Problem> {
    structs::context(of).ok_or_else(|| Problem::new(Code::InvalidArgument, "lists in the context nest too deep"))
}

fn all(service: &FlagService, headers: &HeaderMap, message: &ResolveAllRequest) -> Result<ResolveAllResponse, Problem> {
    service.access.check(headers, Role::Evaluation)?;
    let now = service.flags.current();
    let none = Struct::default();
    let context = context(message.context.as_ref().unwrap_or(&none))?;
    let context = service.serving.added.around(headers, &context);
    let Some(set) = selection(service, headers, "")?.choose(&now) else {
        return Ok(ResolveAllResponse { metadata: Some(none.clone()), ..ResolveAllResponse::default() });
    };
    // What cannot be evaluated is left out, as flagd leaves it out.
    let evaluated =
        set.snapshot.evaluate_all(&context, service.flags.now_s()).filter_map(|(_, evaluated)| evaluated.ok());
    let flags = evaluated.inspect(|e| service.flags.answered(e)).map(|evaluation| {
        let told = Resolved::of(&evaluation);
        let value = match (told.value, told.object) {
            (Some(VariantValue::Bool(value)), _) => Some(AnyValue::Bool(value)),
            (Some(VariantValue::Text(text)), _) => Some(AnyValue::Text(text.into())),
            (Some(VariantValue::Number(value)), _) => Some(AnyValue::Number(value)),
            (_, object) => object.map(AnyValue::Object),
        };
        let variant = told.variant.unwrap_or_default();
        (evaluation.flag.key().to_owned(), AnyFlag { reason: told.reason, variant, value, metadata: told.metadata })
    });
    Ok(ResolveAllResponse { flags: flags.collect(), metadata: Some(structs::object(&set.snapshot.metadata())) })
}

fn event_stream(
    service: &FlagService,
    request: &Extensions,
    headers: &HeaderMap,
) -> Result<Messages<EventStreamResponse>, Problem> {
    let events = events::follow(service, selection(service, headers, "")?, open_stream(service, request, headers)?);
    let told = events.map(|event| {
        Ok(EventStreamResponse { r#type: event.name.to_owned(), data: event.data.as_deref().map(structs::object) })
    });
    Ok(Box::pin(told.chain(stopping())))
}

/// How a stream ends that the service ends: clients in Node come back from an error alone (docs/adr/0076).
pub(super) fn stopping<T>() -> impl Stream<Item = Result<T, Status>> {
    stream::once(ready(Err(Status::unavailable("the flags service stops: open the stream again"))))
}
