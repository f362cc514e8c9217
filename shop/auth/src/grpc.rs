//! The contract, translated.

use tonic::{Request, Response, Status};
use vitrine_contracts::Problem;
use vitrine_contracts::auth::v1::auth_service_server::AuthService;
use vitrine_contracts::auth::v1::{
    AuthorizationRequest, CheckAuthorizationResponse, CreateAccountRequest, CreateAccountResponse,
    CreatePromoterKeyRequest, DeleteAccountRequest, DeleteAccountResponse, GetJwksRequest, GetJwksResponse,
    GetPromoterKeyRequest, GetTokenStatusRequest, GetTokenStatusResponse, IssueTokenRequest, IssueTokenResponse,
    ListPromoterKeysRequest, ListPromoterKeysResponse, LoginRequest, LoginResponse, PromoterKey,
    RevokePromoterKeyRequest, RevokeTokenRequest, RevokeTokenResponse, Role as WireRole, RotateKeysRequest,
    RotateKeysResponse, SetAccountLockRequest, SetAccountLockResponse,
};
use vitrine_contracts::limits::MAX_PASSWORD;

use crate::flows::Flows;
use crate::store::PromoterKeyDoc;
use crate::{Account, Role};

/// Longest password or address that is looked at, in bytes: what is longer is none that anybody could have.
const MAX_LOOKED_AT: usize = 1024;

pub(crate) struct Service(pub(crate) Flows);

impl From<PromoterKeyDoc> for PromoterKey {
    fn from(key: PromoterKeyDoc) -> Self {
        let PromoterKeyDoc { id, promoter_id, name, origins, created_at } = key;
        Self { id, promoter_id, name, origins, created_at_unix_ms: created_at }
    }
}

#[tonic::async_trait]
impl AuthService for Service {
    async fn check_authorization(
        &self,
        request: Request<AuthorizationRequest>,
    ) -> Result<Response<CheckAuthorizationResponse>, Status> {
        Ok(Response::new(self.0.check_authorization(request.get_ref()).await?))
    }

    async fn login(&self, request: Request<LoginRequest>) -> Result<Response<LoginResponse>, Status> {
        let request = request.into_inner();
        if request.password.len() > MAX_LOOKED_AT || request.email.len() > MAX_LOOKED_AT {
            return Err(Problem::invalid(
                "password",
                &format!("at most {MAX_PASSWORD} characters"),
                "e-mail address or password is too long",
            )
            .into());
        }
        Ok(Response::new(self.0.login(request).await?))
    }

    async fn issue_token(&self, request: Request<IssueTokenRequest>) -> Result<Response<IssueTokenResponse>, Status> {
        Ok(Response::new(self.0.issue(request.into_inner()).await?))
    }

    async fn revoke_token(
        &self,
        request: Request<RevokeTokenRequest>,
    ) -> Result<Response<RevokeTokenResponse>, Status> {
        self.0.revoke(request.get_ref()).await?;
        Ok(Response::new(RevokeTokenResponse {}))
    }

    async fn get_jwks(&self, _: Request<GetJwksRequest>) -> Result<Response<GetJwksResponse>, Status> {
        Ok(Response::new(GetJwksResponse { jwks_json: self.0.keys().jwks().await? }))
    }

    async fn create_account(
        &self,
        request: Request<CreateAccountRequest>,
    ) -> Result<Response<CreateAccountResponse>, Status> {
        let request = request.into_inner();
        let role = match request.role() {
            WireRole::Customer => Role::Customer,
            WireRole::Promoter => Role::Promoter,
            WireRole::Admin => Role::Admin,
            WireRole::Unspecified => {
                return Err(Problem::invalid("role", "customer, promoter or admin", "the role is missing").into());
            }
        };
        let account =
            Account { account_id: request.account_id, email: request.email, password: request.password.into(), role };
        self.0.create_account(&account).await?;
        Ok(Response::new(CreateAccountResponse {}))
    }

    async fn delete_account(
        &self,
        request: Request<DeleteAccountRequest>,
    ) -> Result<Response<DeleteAccountResponse>, Status> {
        self.0.delete_account(&request.into_inner().account_id).await?;
        Ok(Response::new(DeleteAccountResponse {}))
    }

    async fn set_account_lock(
        &self,
        request: Request<SetAccountLockRequest>,
    ) -> Result<Response<SetAccountLockResponse>, Status> {
        let SetAccountLockRequest { account_id, locked } = request.into_inner();
        self.0.set_lock(&account_id, locked).await?;
        Ok(Response::new(SetAccountLockResponse {}))
    }

    async fn get_token_status(
        &self,
        request: Request<GetTokenStatusRequest>,
    ) -> Result<Response<GetTokenStatusResponse>, Status> {
        let active = self.0.is_active(request.get_ref()).await?;
        Ok(Response::new(GetTokenStatusResponse { active }))
    }

    async fn rotate_keys(&self, request: Request<RotateKeysRequest>) -> Result<Response<RotateKeysResponse>, Status> {
        let key_id = self.0.rotate_keys(request.into_inner().compromised).await?;
        Ok(Response::new(RotateKeysResponse { key_id }))
    }

    async fn create_promoter_key(
        &self,
        request: Request<CreatePromoterKeyRequest>,
    ) -> Result<Response<PromoterKey>, Status> {
        let CreatePromoterKeyRequest { promoter_id, name, origins } = request.into_inner();
        Ok(Response::new(self.0.create_promoter_key(&promoter_id, &name, &origins).await?.into()))
    }

    async fn list_promoter_keys(
        &self,
        request: Request<ListPromoterKeysRequest>,
    ) -> Result<Response<ListPromoterKeysResponse>, Status> {
        let found = self.0.list_promoter_keys(&request.into_inner().promoter_id).await?;
        Ok(Response::new(ListPromoterKeysResponse { keys: found.into_iter().map(PromoterKey::from).collect() }))
    }

    async fn get_promoter_key(&self, request: Request<GetPromoterKeyRequest>) -> Result<Response<PromoterKey>, Status> {
        Ok(Response::new(self.0.promoter_key(&request.into_inner().key_id).await?.into()))
    }

    async fn revoke_promoter_key(
        &self,
        request: Request<RevokePromoterKeyRequest>,
    ) -> Result<Response<PromoterKey>, Status> {
        let RevokePromoterKeyRequest { key_id, promoter_id } = request.into_inner();
        Ok(Response::new(self.0.revoke_promoter_key(&key_id, &promoter_id).await?.into()))
    }
}
