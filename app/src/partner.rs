//! The page of someone else's that comes up with a demo: a listener of its own, and so an origin of its own.

use std::net::SocketAddr;

use anyhow::Result;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_platform_host::DRAIN;
use vitrine_platform_http::{Bounds, Listener, bind, serve};
use vitrine_shop_auth::PromoterKey;
use vitrine_shop_storefront::partner;

/// The key of the page.
const KEY: &str = "pk_demo";

/// A listener that is bound.
#[derive(Debug)]
pub struct Partner {
    listener: TcpListener,
    address: SocketAddr,
}

impl Partner {
    /// Takes the address.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let listener = bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it is. By this name it is a foreign site to a shop at 127.0.0.1, as all other sites are.
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }

    /// The key that its page shows the widget by.
    pub fn key(&self, promoter_id: &str) -> PromoterKey {
        let origins = vec![self.url(), format!("http://127.0.0.1:{}", self.address.port())];
        let (id, promoter_id, name) = (KEY.to_owned(), promoter_id.to_owned(), "Lumen, a magazine".to_owned());
        PromoterKey { id, promoter_id, name, origins }
    }

    /// Serves until stopped.
    pub fn serve(self, shop: &str, bounds: &Bounds, stop: &CancellationToken, tracker: &TaskTracker) {
        let listener = Listener::from(self.listener).with_bounds(bounds.clone());
        tracker.spawn(serve(listener, partner(shop, KEY), stop.clone(), DRAIN));
    }
}
