//! The contract, translated.

use tonic::{Request, Response, Status};
use vitrine_contracts::currency::v1::currency_service_server::CurrencyService;
use vitrine_contracts::currency::v1::{
    BatchConvertRequest, BatchConvertResponse, ConvertRequest, ConvertResponse, CurrencyInfo, ListCurrenciesRequest,
    ListCurrenciesResponse,
};
use vitrine_contracts::{Problem, money_from_proto};
use vitrine_flags_client::{Handle, Subject};
use vitrine_kit::money::Currency;

use crate::domain::{convert, rate};
use crate::flags::LIST;
use crate::rates::AS_OF;

/// Most amounts of one call.
const MAX_BATCH: usize = 200;

/// The currencies that are listed where not all are.
const MAJOR: &[&str] = &["CHF", "EUR", "GBP", "JPY", "USD"];

pub(crate) struct Service {
    pub(crate) flags: Handle,
}

fn target(code: &str) -> Result<Currency, Problem> {
    let expected = "an ISO 4217 code that the shop knows, upper case";
    Currency::parse(code)
        .map_err(|e| Problem::invalid("to_code", expected, &e.to_string()).with_reason("UNKNOWN_CURRENCY"))
}

#[tonic::async_trait]
impl CurrencyService for Service {
    async fn list_currencies(
        &self,
        _: Request<ListCurrenciesRequest>,
    ) -> Result<Response<ListCurrenciesResponse>, Status> {
        let info = |currency: Currency| {
            Ok(CurrencyInfo {
                code: currency.code().to_owned(),
                name: currency.name().to_owned(),
                exponent: currency.exponent(),
                rate: rate(currency)?.to_string(),
            })
        };
        let major = self.flags.read(&LIST, &Subject::ANYONE) == "major";
        let listed = Currency::all().filter(|currency| !major || MAJOR.contains(&currency.code()));
        let currencies = listed.map(info).collect::<Result<_, Problem>>()?;
        Ok(Response::new(ListCurrenciesResponse { currencies, as_of: AS_OF.to_owned() }))
    }

    async fn convert(&self, request: Request<ConvertRequest>) -> Result<Response<ConvertResponse>, Status> {
        let request = request.into_inner();
        let from = money_from_proto(request.from.as_ref(), "from")?;
        let money = convert(from, target(&request.to_code)?)?;
        Ok(Response::new(ConvertResponse { money: Some(money.into()), as_of: AS_OF.to_owned() }))
    }

    async fn batch_convert(
        &self,
        request: Request<BatchConvertRequest>,
    ) -> Result<Response<BatchConvertResponse>, Status> {
        let request = request.into_inner();
        if request.from.len() > MAX_BATCH {
            return Err(Problem::invalid(
                "from",
                &format!("at most {MAX_BATCH} amounts"),
                "there are too many amounts",
            )
            .into());
        }
        let to = target(&request.to_code)?;
        let one = |(i, from)| Ok(convert(money_from_proto(Some(from), &format!("from[{i}]"))?, to)?.into());
        let money = request.from.iter().enumerate().map(one).collect::<Result<_, Problem>>()?;
        Ok(Response::new(BatchConvertResponse { money, as_of: AS_OF.to_owned() }))
    }
}
