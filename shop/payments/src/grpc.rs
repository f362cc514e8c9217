//! The contract, translated.

use tonic::{Request, Response, Status};
use vitrine_contracts::common::v1::Money as WireMoney;
use vitrine_contracts::limits::MAX_CARDS;
use vitrine_contracts::payments::v1::payment_method::Method;
use vitrine_contracts::payments::v1::payments_service_server::PaymentsService;
use vitrine_contracts::payments::v1::{
    AuthorizeRequest, CaptureRequest, Challenge as WireChallenge, ChallengeState as WireChallengeState,
    CompleteChallengeRequest, ForgetCardRequest, GetChallengeRequest, GetPaymentRequest, ListCardsRequest,
    ListCardsResponse, ListPaymentsRequest, ListPaymentsResponse, Payment, PaymentMethod, PaymentState, RefundRequest,
    SavedCard, TokenizeCardRequest, TokenizeCardResponse, complete_challenge_request,
};
use vitrine_contracts::{Problem, money_from_proto};
use vitrine_flags_client::{Handle, Subject};
use vitrine_kit::clock::Clock;
use vitrine_kit::id;
use vitrine_platform_host::{Failure, check_id, erasure, page_info, page_of};
use vitrine_platform_store::{Query, Store, Stored, retry_conflicts};

use crate::card::{self, Checked};
use crate::challenge::{Challenge, ChallengeResponse, ChallengeState};
use crate::domain::{Ledger, State};
use crate::flags::NETWORKS;
use crate::store::{PaymentDoc, TokenDoc};

pub(crate) struct Service {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) flags: Handle,
}

fn declined() -> Problem {
    Problem::precondition("CARD_DECLINED", "the card was declined")
}

fn unknown() -> Problem {
    Problem::not_found("there is no such payment")
}

fn unknown_challenge() -> Problem {
    Problem::not_found("there is no such challenge")
}

/// What is answered to a challenge.
fn answer_of(given: Option<complete_challenge_request::Answer>) -> Result<ChallengeResponse, Problem> {
    match given {
        Some(complete_challenge_request::Answer::Code(code)) => ChallengeResponse::code(&code),
        Some(complete_challenge_request::Answer::Refuse(true)) => Ok(ChallengeResponse::Refuse),
        Some(complete_challenge_request::Answer::Refuse(false)) | None => {
            Err(Problem::invalid("code", "a code, or a refusal", "there is no answer"))
        }
    }
}

fn challenge_to_wire(challenge: &Challenge, ledger: &Ledger, now_ms: i64) -> WireChallenge {
    let state = match challenge.state_at(ledger, now_ms) {
        ChallengeState::Waiting => WireChallengeState::Waiting,
        ChallengeState::Passed => WireChallengeState::Passed,
        ChallengeState::Refused => WireChallengeState::Refused,
        ChallengeState::Failed => WireChallengeState::Failed,
        ChallengeState::Expired => WireChallengeState::Expired,
    };
    WireChallenge {
        id: challenge.id.clone(),
        state: state.into(),
        expires_at_unix_ms: challenge.expires_at,
        tries_left: challenge.tries_left,
    }
}

fn to_wire(doc: PaymentDoc) -> Payment {
    let money = |minor_units| Some(WireMoney { currency_code: doc.currency.clone(), minor_units });
    let state = match doc.ledger.state {
        State::Challenged => PaymentState::Challenged,
        State::Authorized => PaymentState::Authorized,
        State::Captured => PaymentState::Captured,
        State::Voided => PaymentState::Voided,
        State::Refunded => PaymentState::Refunded,
        State::Declined => PaymentState::Declined,
    };
    Payment {
        state: state.into(),
        amount: money(doc.ledger.amount),
        captured: money(doc.ledger.captured),
        refunded: money(doc.ledger.refunded()),
        id: doc.id,
        scheme: doc.scheme,
        last4: doc.last4,
        reference: doc.reference,
        created_at_unix_ms: doc.created_at,
        challenge: None,
    }
}

fn saved(doc: TokenDoc) -> SavedCard {
    let TokenDoc { token, card, .. } = doc;
    SavedCard { token, scheme: card.scheme, last4: card.last4 }
}

impl Service {
    /// A payment, with its challenge if there is one.
    fn to_wire(&self, mut doc: PaymentDoc) -> Payment {
        let challenge = doc.challenge.take().map(|c| challenge_to_wire(&c, &doc.ledger, self.clock.now_ms()));
        Payment { challenge, ..to_wire(doc) }
    }

    /// The payment of a challenge.
    async fn challenged(&self, challenge_id: &str) -> Result<Stored<PaymentDoc>, Failure> {
        check_id("chl", challenge_id, "challenge_id")?;
        let found = self.store.find::<PaymentDoc>(Query::eq("challenge", challenge_id.to_owned()).limit(1)).await?;
        Ok(found.items.into_iter().next().ok_or_else(unknown_challenge)?)
    }

    async fn card_of(&self, method: Option<PaymentMethod>, customer_id: &str) -> Result<Checked, Failure> {
        match method.and_then(|m| m.method) {
            Some(Method::Card(card)) => Ok(card::check(&card, self.clock.now_ms())?),
            Some(Method::Token(token)) => {
                let found = self.store.get::<TokenDoc>(&token).await?.filter(|t| t.customer_id == customer_id);
                let expected = "a token that this customer was given";
                let missing =
                    || Problem::invalid("token", expected, "the token is unknown").with_reason("UNKNOWN_TOKEN");
                Ok(found.ok_or_else(missing)?.doc.card)
            }
            None => Err(Problem::invalid("payment", "a card or a token", "the payment method is missing").into()),
        }
    }

    /// Refuses a card whose network the shop does not take at the moment.
    fn check_network(&self, card: &Checked, subject: &Subject<'_>, field: &str) -> Result<(), Problem> {
        let taken = self.flags.read(&NETWORKS, subject);
        match taken["networks"].as_array() {
            Some(networks) if !networks.iter().any(|network| *network == *card.scheme) => Err(card::not_taken(field)),
            // A variant that names no networks switches nothing.
            _ => Ok(()),
        }
    }

    /// Changes a payment, again if another caller was quicker.
    async fn change(
        &self,
        id: &str,
        change: impl Fn(&mut Ledger) -> Result<bool, Problem>,
    ) -> Result<PaymentDoc, Failure> {
        check_id("pay", id, "payment_id")?;
        retry_conflicts(async || {
            let Stored { mut doc, version } = self.store.get::<PaymentDoc>(id).await?.ok_or_else(unknown)?;
            if change(&mut doc.ledger)? {
                let mut tx = self.store.begin();
                tx.update(&Stored { doc: doc.clone(), version });
                tx.commit().await?;
            }
            Ok(doc)
        })
        .await
    }

    async fn authorize(&self, request: AuthorizeRequest) -> Result<PaymentDoc, Failure> {
        check_id("pay", &request.payment_id, "payment_id")?;
        check_id("cus", &request.customer_id, "customer_id")?;
        let amount = money_from_proto(request.amount.as_ref(), "amount")?;
        if amount.minor == 0 {
            return Err(Problem::invalid("amount", "more than nothing", "nothing cannot be charged").into());
        }
        let field = if matches!(&request.method, Some(PaymentMethod { method: Some(Method::Token(_)) })) {
            "token"
        } else {
            "card.number"
        };
        let card = self.card_of(request.method, &request.customer_id).await?;
        let now = self.clock.now_ms();
        let state = match () {
            () if card.declines => State::Declined,
            () if card.challenges => State::Challenged,
            () => State::Authorized,
        };
        let doc = PaymentDoc {
            id: request.payment_id,
            currency: amount.currency.code().to_owned(),
            ledger: Ledger { state, amount: amount.minor, captured: 0, refunds: Vec::new() },
            scheme: card.scheme.clone(),
            last4: card.last4.clone(),
            reference: request.reference,
            customer_id: request.customer_id,
            created_at: now,
            challenge: card.challenges.then(|| Challenge::new(now)),
        };
        let known = retry_conflicts(async || {
            if let Some(known) = self.store.get::<PaymentDoc>(&doc.id).await? {
                return Ok::<_, Failure>(known.doc);
            }
            // Only now: what was authorised before stays so when it is asked for again.
            let subject = Subject::customer(&doc.customer_id).paying_in(&doc.currency);
            self.check_network(&card, &subject, field)?;
            let mut tx = self.store.begin();
            tx.insert(&doc);
            tx.commit().await?;
            Ok(doc.clone())
        })
        .await?;
        match known.ledger.state {
            State::Voided => Err(Problem::precondition("PAYMENT_VOIDED", "the payment was voided").into()),
            _ if !same_content(&known, &doc) => Err(Problem::already_exists("another payment has this id").into()),
            State::Declined => Err(declined().into()),
            _ => Ok(known),
        }
    }

    /// Records that a payment will never be, so that an authorisation that comes late is refused.
    async fn void_unknown(&self, id: &str) -> Result<(), Failure> {
        let doc = PaymentDoc {
            id: id.to_owned(),
            currency: String::new(),
            ledger: Ledger { state: State::Voided, amount: 0, captured: 0, refunds: Vec::new() },
            scheme: String::new(),
            last4: String::new(),
            reference: String::new(),
            customer_id: String::new(),
            created_at: self.clock.now_ms(),
            challenge: None,
        };
        let mut tx = self.store.begin();
        tx.insert(&doc);
        match tx.commit().await {
            // It came just now: it is voided or refunded like any other.
            Ok(()) | Err(vitrine_platform_store::Error::Exists { .. }) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }
}

fn same_content(a: &PaymentDoc, b: &PaymentDoc) -> bool {
    let content = |d: &PaymentDoc| {
        (d.currency.clone(), d.ledger.amount, d.reference.clone(), d.customer_id.clone(), d.last4.clone())
    };
    content(a) == content(b)
}

#[tonic::async_trait]
impl PaymentsService for Service {
    async fn tokenize_card(
        &self,
        request: Request<TokenizeCardRequest>,
    ) -> Result<Response<TokenizeCardResponse>, Status> {
        let request = request.into_inner();
        check_id("cus", &request.customer_id, "customer_id")?;
        let missing = || Problem::invalid("card", "a card", "the card is missing");
        let card = card::check(&request.card.ok_or_else(missing)?, self.clock.now_ms())?;
        self.check_network(&card, &Subject::customer(&request.customer_id), "card.number")?;
        let doc = TokenDoc { token: id::new("tok"), customer_id: request.customer_id, card };
        retry_conflicts(async || {
            let mut tx = self.store.begin();
            if !erasure::writing_for(&mut tx, &doc.customer_id).await? {
                return Err(Problem::not_found("there is no such customer").into());
            }
            tx.insert(&doc);
            tx.commit().await.map_err(Failure::from)
        })
        .await?;
        let TokenDoc { token, card, .. } = doc;
        Ok(Response::new(TokenizeCardResponse { token, scheme: card.scheme, last4: card.last4 }))
    }

    async fn list_cards(&self, request: Request<ListCardsRequest>) -> Result<Response<ListCardsResponse>, Status> {
        let customer_id = request.into_inner().customer_id;
        check_id("cus", &customer_id, "customer_id")?;
        // Tokens grow with time.
        let query = Query::eq("customer_id", customer_id).descending().limit(MAX_CARDS);
        let found = self.store.find::<TokenDoc>(query).await.map_err(Failure::from)?;
        let cards = found.items.into_iter().map(|stored| saved(stored.doc)).collect();
        Ok(Response::new(ListCardsResponse { cards }))
    }

    async fn forget_card(&self, request: Request<ForgetCardRequest>) -> Result<Response<SavedCard>, Status> {
        let ForgetCardRequest { token, customer_id } = request.into_inner();
        check_id("cus", &customer_id, "customer_id")?;
        check_id("tok", &token, "token")?;
        let forgotten = retry_conflicts(async || {
            let found = self.store.get::<TokenDoc>(&token).await?.filter(|stored| stored.customer_id == customer_id);
            let missing = || Problem::not_found("there is no such card").with_reason("UNKNOWN_TOKEN");
            let stored = found.ok_or_else(missing)?;
            let mut tx = self.store.begin();
            tx.delete_expecting::<TokenDoc>(&token, stored.version);
            tx.commit().await?;
            Ok::<_, Failure>(stored.doc)
        });
        Ok(Response::new(saved(forgotten.await?)))
    }

    async fn authorize(&self, request: Request<AuthorizeRequest>) -> Result<Response<Payment>, Status> {
        Ok(Response::new(self.to_wire(self.authorize(request.into_inner()).await?)))
    }

    async fn capture(&self, request: Request<CaptureRequest>) -> Result<Response<Payment>, Status> {
        Ok(Response::new(to_wire(self.change(&request.into_inner().payment_id, Ledger::capture).await?)))
    }

    async fn refund(&self, request: Request<RefundRequest>) -> Result<Response<Payment>, Status> {
        let request = request.into_inner();
        check_id("pay", &request.payment_id, "payment_id")?;
        check_id("ref", &request.refund_id, "refund_id")?;
        let amount = match &request.amount {
            Some(_) => Some(money_from_proto(request.amount.as_ref(), "amount")?),
            None => None,
        };
        if self.store.get::<PaymentDoc>(&request.payment_id).await.map_err(Failure::from)?.is_none() {
            self.void_unknown(&request.payment_id).await?;
        }
        let refund = |ledger: &mut Ledger| ledger.refund(&request.refund_id, amount.map(|a| a.minor));
        Ok(Response::new(to_wire(self.change(&request.payment_id, refund).await?)))
    }

    async fn get_payment(&self, request: Request<GetPaymentRequest>) -> Result<Response<Payment>, Status> {
        let id = request.into_inner().payment_id;
        let found = self.store.get::<PaymentDoc>(check_id("pay", &id, "payment_id")?).await.map_err(Failure::from)?;
        Ok(Response::new(self.to_wire(found.ok_or_else(unknown)?.doc)))
    }

    async fn get_challenge(&self, request: Request<GetChallengeRequest>) -> Result<Response<Payment>, Status> {
        Ok(Response::new(self.to_wire(self.challenged(&request.into_inner().challenge_id).await?.doc)))
    }

    async fn complete_challenge(
        &self,
        request: Request<CompleteChallengeRequest>,
    ) -> Result<Response<Payment>, Status> {
        let CompleteChallengeRequest { challenge_id, answer } = request.into_inner();
        check_id("chl", &challenge_id, "challenge_id")?;
        let answer = answer_of(answer)?;
        let answered = retry_conflicts(async || {
            let Stored { mut doc, version } = self.challenged(&challenge_id).await?;
            let challenge = doc.challenge.as_mut().ok_or_else(unknown_challenge)?;
            if challenge.answer(&mut doc.ledger, &answer, self.clock.now_ms()) {
                let mut tx = self.store.begin();
                tx.update(&Stored { doc: doc.clone(), version });
                tx.commit().await?;
            }
            Ok::<_, Failure>(doc)
        });
        Ok(Response::new(self.to_wire(answered.await?)))
    }

    async fn list_payments(
        &self,
        request: Request<ListPaymentsRequest>,
    ) -> Result<Response<ListPaymentsResponse>, Status> {
        let request = request.into_inner();
        let (size, cursor) = page_of(request.page.as_ref())?;
        let query = Query::all().limit(size).cursor(cursor);
        let page = self.store.find::<PaymentDoc>(query).await.map_err(Failure::from)?;
        let payments = page.items.into_iter().map(|s| to_wire(s.doc)).collect();
        Ok(Response::new(ListPaymentsResponse { payments, page: page_info(page.next_cursor) }))
    }
}
