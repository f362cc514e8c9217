//! The contract, translated.

use std::sync::atomic::{AtomicU64, Ordering};

use rand::seq::SliceRandom;
use rand::{SeedableRng, rngs::StdRng};
use tonic::{Request, Response, Status};
use vitrine_contracts::Problem;
use vitrine_contracts::ads::v1::ads_service_server::AdsService;
use vitrine_contracts::ads::v1::{Ad as WireAd, GetAdsRequest, GetAdsResponse};
use vitrine_contracts::limits::{DEFAULT_ADS, MAX_AD_CONTEXT, MAX_ADS};
use vitrine_flags_client::{Handle, Subject};
use vitrine_platform_telemetry::Counter;

use crate::domain::{ADS, Ad, fitting};
use crate::flags::SECOND_SLOT;

pub(crate) struct Service {
    seed: u64,
    asked: AtomicU64,
    served: Counter,
    flags: Handle,
}

impl Service {
    pub(crate) fn new(seed: u64, served: Counter, flags: Handle) -> Self {
        Self { seed, asked: AtomicU64::new(0), served, flags }
    }
}

fn to_wire(ad: &Ad, context: &str) -> WireAd {
    WireAd {
        id: ad.id.to_owned(),
        text: ad.text.to_owned(),
        url_path: ad.url_path.to_owned(),
        context: context.to_owned(),
    }
}

#[tonic::async_trait]
impl AdsService for Service {
    async fn get_ads(&self, request: Request<GetAdsRequest>) -> Result<Response<GetAdsResponse>, Status> {
        let GetAdsRequest { context, limit } = request.into_inner();
        if context.len() > MAX_AD_CONTEXT {
            let expected = format!("at most {MAX_AD_CONTEXT} words");
            return Err(Problem::invalid("context", &expected, "there are too many words").into());
        }
        let limit = match limit {
            0 => DEFAULT_ADS + u32::from(self.flags.read(&SECOND_SLOT, &Subject::ANYONE)),
            n if n <= MAX_ADS => n,
            _ => {
                let expected = format!("1 to {MAX_ADS}, or 0 for {DEFAULT_ADS}");
                return Err(Problem::invalid("limit", &expected, "so many are not shown at once").into());
            }
        };
        let limit = usize::try_from(limit).unwrap_or(1);
        let mut found = fitting(&context);
        let chosen = if found.is_empty() { "chance" } else { "context" };
        if found.is_empty() {
            let turn = self.asked.fetch_add(1, Ordering::Relaxed);
            let mut rng = StdRng::seed_from_u64(self.seed ^ turn);
            found = ADS.iter().map(|ad| (ad, "")).collect();
            found.shuffle(&mut rng);
        }
        let ads: Vec<WireAd> = found.into_iter().take(limit).map(|(ad, word)| to_wire(ad, word)).collect();
        self.served.add(u64::try_from(ads.len()).unwrap_or(0), &[("vitrine.ads.chosen_by", chosen)]);
        Ok(Response::new(GetAdsResponse { ads }))
    }
}
