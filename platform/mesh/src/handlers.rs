//! The gRPC contracts that a service serves, found by the beginning of a call's path.
//!
//! tonic's `Routes` is a whole HTTP router, which boxes the request's body, the response's body and a future for each layer of itself; within
//! a process that was a fifth of what a call cost. Contracts are few and their names fixed, so they are compared.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tonic::server::NamedService;
use tower::Service;

type ResponseFuture = BoxFuture<Response<Body>, Infallible>;

/// What a generated server is, without its type: each of them is one.
pub trait Handler: Send + Sync {
    /// Runs a call of one of its methods.
    fn handle(&self, request: Request<Body>) -> ResponseFuture;
}

impl<S> Handler for S
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = ResponseFuture>
        + Clone
        + Send
        + Sync,
{
    fn handle(&self, request: Request<Body>) -> ResponseFuture {
        // A generated server is always ready, and its clone is another handle of the same implementation.
        self.clone().call(request)
    }
}

/// The gRPC contracts that one service serves. Cheap to clone.
#[derive(Clone, Default)]
pub struct Handlers(Arc<Vec<(&'static str, Box<dyn Handler>)>>);

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Collects [`Handlers`].
#[derive(Default)]
pub struct HandlersBuilder(Vec<(&'static str, Box<dyn Handler>)>);

impl fmt::Debug for HandlersBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl HandlersBuilder {
    /// Adds the generated server of a contract.
    pub fn add<S: Handler + NamedService + 'static>(&mut self, server: S) {
        self.0.push((S::NAME, Box::new(server)));
    }

    /// Those that were added.
    pub fn build(self) -> Handlers {
        Handlers(Arc::new(self.0))
    }
}

impl Handlers {
    /// The generated server of one contract.
    pub fn new<S: Handler + NamedService + 'static>(server: S) -> Self {
        let mut builder = HandlersBuilder::default();
        builder.add(server);
        builder.build()
    }

    /// Hands a call to the contract of its path; UNIMPLEMENTED where there is none.
    pub(crate) async fn call(&self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let contract = request.uri().path().strip_prefix('/').and_then(|path| path.split_once('/'));
        let named = contract.and_then(|(contract, _)| self.0.iter().find(|(name, _)| *name == contract));
        match named {
            Some((_, handler)) => Ok(handler.handle(request).await.unwrap_or_else(|never| match never {})),
            None => Err(Status::unimplemented("")),
        }
    }
}
