// Signs somebody in with openid-client, which checks whatever OpenID Connect lets it check, and looks at what it got.
import assert from "node:assert/strict";
import * as client from "openid-client";

const [issuer, id, secret, method, redirect, email, password, name] = process.argv.slice(2);
const authentication = { none: client.None, basic: client.ClientSecretBasic, post: client.ClientSecretPost }[method];
const config = await client.discovery(new URL(issuer), id, {}, authentication(secret), {
  execute: [client.allowInsecureRequests],
});

const verifier = client.randomPKCECodeVerifier();
const checks = { pkceCodeVerifier: verifier, expectedState: client.randomState(), expectedNonce: client.randomNonce() };
const link = client.buildAuthorizationUrl(config, {
  redirect_uri: redirect,
  scope: "openid profile email offline_access",
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  state: checks.expectedState,
  nonce: checks.expectedNonce,
  max_age: "3600",
});

// The person, in a browser.
const page = await (await fetch(link, { headers: { accept: "text/html" } })).text();
const form = new URLSearchParams({ email, password });
for (const [, field, value] of page.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)) form.set(field, value);
const sent = await fetch(new URL("/oauth2/authorize", issuer), { method: "POST", body: form, redirect: "manual" });
assert.equal(sent.status, 303);
const back = new URL(sent.headers.get("location"));

const tokens = await client.authorizationCodeGrant(config, back, { ...checks, idTokenExpected: true, maxAge: 3600 });
const info = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
assert.deepEqual([info.name, info.email], [name, email]);

const renewed = await client.refreshTokenGrant(config, tokens.refresh_token);
assert.equal(renewed.claims().sub, info.sub);
await client.tokenRevocation(config, renewed.access_token);
await assert.rejects(client.fetchUserInfo(config, renewed.access_token, info.sub), (error) => error.status === 401);
await client.tokenRevocation(config, renewed.refresh_token);
await assert.rejects(client.refreshTokenGrant(config, renewed.refresh_token), { error: "invalid_grant" });

// An error comes back to the client as one.
link.searchParams.set("scope", "openid root");
const refused = await fetch(link, { redirect: "manual" });
const answer = new URL(refused.headers.get("location"));
await assert.rejects(client.authorizationCodeGrant(config, answer, checks), { error: "invalid_scope" });
