//! Forms: what is done, what is refused, and what a browser keeps.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::world::{PageResponse, Question, URL, World};

/// A shop in which Ada may sign in, and everything else goes well.
fn ada(asked: &Question) -> (StatusCode, Value) {
    let session = json!({"accessToken": "access-1", "refreshToken": "refresh-1", "expiresInS": 900});
    let data = match asked.operation.as_str() {
        "SignIn" if asked.variables["password"] == "right" => json!({"signIn": {"session": session, "errors": []}}),
        "SignIn" => {
            json!({"signIn": {"session": null, "errors": [{"code": "BAD_CREDENTIALS", "message": "no", "field": "password"}]}})
        }
        "SignUp" => json!({"signUp": {"errors": []}}),
        "Name" => json!({"me": {"displayName": "Ada"}}),
        "AddToCart" => json!({"change": {"cart": {"totalQuantity": 2}, "guest": "gst_new", "errors": []}}),
        "Visitor" => json!({"cart": {"totalQuantity": 2}}),
        "AddAddress" => {
            json!({"addAddress": {"customer": {"addresses": [{"id": "adr_0"}, {"id": "adr_1"}]}, "errors": []}})
        }
        "PlaceOrder" if asked.variables["input"]["payment"]["card"]["number"] == "4000" => {
            json!({"placeOrder": {"kind": "Refusal", "code": "CARD_DECLINED", "message": "the card was declined"}})
        }
        "PlaceOrder" if asked.variables["input"]["payment"]["card"]["number"] == "3220" => {
            json!({"placeOrder": {"kind": "PaymentChallenge", "url": "/challenge/chl_1", "orderId": "ord_1"}})
        }
        "PlaceOrder" => json!({"placeOrder": {"kind": "Order", "id": "ord_1"}}),
        "CompletePaymentChallenge" => json!({"completePaymentChallenge": completed(&asked.variables["input"])}),
        "KeepCard" => {
            json!({"keepCard": {"card": {"token": "tok_new", "scheme": "visa", "last4": "4242"}, "errors": []}})
        }
        "KeptCards" => json!({"me": {"cards": [
            {"token": "tok_new", "scheme": "visa", "last4": "4242"}, {"token": "tok_old", "scheme": "visa", "last4": "4242"},
            {"token": "tok_other", "scheme": "visa", "last4": "1111"},
        ]}}),
        "ForgetCard" if asked.variables["token"] == "tok_gone" => {
            json!({"forgetCard": {"errors": [{"code": "UNKNOWN_TOKEN", "message": "there is no such card"}]}})
        }
        "ForgetCard" => json!({"forgetCard": {"errors": []}}),
        "DeleteAddress" => json!({"deleteAddress": {"errors": []}}),
        _ => json!({}),
    };
    (StatusCode::OK, json!({"data": data}))
}

/// What a bank says to an answer.
fn completed(input: &Value) -> Value {
    let (state, errors) = match (input["code"].as_str(), input["refuse"].as_bool()) {
        (_, Some(true)) => ("REFUSED", json!([])),
        (Some("123456"), _) => ("PASSED", json!([])),
        _ => ("WAITING", json!([{"code": "WRONG_CHALLENGE_CODE", "message": "that is not the code", "field": "code"}])),
    };
    json!({"challenge": {"state": state}, "errors": errors})
}

async fn sign_in(world: &World, cookie: &str, next: &str) -> PageResponse {
    let form = format!("email=ada@x.example&password=right&next={next}");
    world.post("/sign-in", &[("cookie", cookie)], &form).await
}

#[tokio::test]
async fn a_guests_cart_comes_along_and_tokens_stay_here() {
    let world = World::new(ada).await;
    let put = world.post("/cart", &[], "product=prd_1&quantity=2").await;
    assert_eq!(
        (put.status, put.header("location"), put.cookies().as_str()),
        (303, "/cart", "vitrine_shop_guest=gst_new")
    );
    let by_script = world.post("/cart", &[("accept", "application/json")], "product=prd_1&quantity=2").await;
    assert_eq!(by_script.body, r#"{"cart":2,"message":null}"#);
    world.asked();

    let signed_in = sign_in(&world, "vitrine_shop_guest=gst_new", "/checkout").await;
    assert_eq!((signed_in.status, signed_in.header("location")), (303, "/checkout"));
    let set: Vec<_> =
        signed_in.headers.get_all("set-cookie").iter().map(|c| c.to_str().expect("text").to_owned()).collect();
    assert!(set[0].ends_with("; Path=/; Max-Age=28800; HttpOnly; SameSite=Lax"), "{set:?}");
    assert!(set[1].starts_with("vitrine_shop_guest=; Path=/; Max-Age=0"), "{set:?}");
    assert!(!set.concat().contains("access-1") && !set.concat().contains("refresh-1"), "{set:?}");
    let merged = world.asked().into_iter().find(|asked| asked.operation == "MergeCart").expect("merged");
    assert_eq!(
        (merged.variables["guest"].as_str(), merged.token.as_deref()),
        (Some("gst_new"), Some("Bearer access-1"))
    );

    let cookies = signed_in.cookies();
    let account = world.get("/account", &[("cookie", &cookies)]).await;
    assert_eq!(account.status, 200);
    assert!(account.body.contains(r#"{"name":"Ada","cart":2,"country":null}"#), "{}", account.body);
    assert!(world.asked().iter().all(|asked| asked.token.as_deref() == Some("Bearer access-1")));

    let out = world.post("/sign-out", &[("cookie", &cookies)], "").await;
    assert_eq!((out.status, out.header("location")), (303, "/"));
    let ended = world.asked().into_iter().find(|asked| asked.operation == "SignOut").expect("ended");
    assert_eq!(ended.variables["token"], "refresh-1");
    assert_eq!(world.get("/account", &[("cookie", &cookies)]).await.status, 303);
}

#[tokio::test]
async fn what_is_wrong_is_said_at_the_form_without_its_secrets() {
    let world = World::new(ada).await;
    let again = world.post("/sign-in", &[], "email=ada@x.example&password=wrong-secret&next=/checkout").await;
    assert_eq!(again.status, 422);
    assert!(
        again.body.contains(r#""email":"ada@x.example""#) && again.body.contains(r#""field":"password""#),
        "{}",
        again.body
    );
    assert!(!again.body.contains("wrong-secret"));
    assert_eq!(sign_in(&world, "", "https://evil.example/").await.header("location"), "/account");

    let cookies = sign_in(&world, "", "").await.cookies();
    let pay = "idempotencyKey=k&quoteId=qte_1&expiry=12/34&cvv=987&maxAmount=1.00&maxCurrency=EUR&number=";
    let path = "/checkout/pay?address=adr_1";
    let declined = world.post(path, &[("cookie", &cookies)], &format!("{pay}4000")).await;
    assert_eq!(declined.status, 422);
    assert!(declined.body.contains("The card was declined."), "{}", declined.body);
    assert!(!declined.body.contains("4000") && !declined.body.contains("987"), "{}", declined.body);
    world.asked();
    let bought = world.post(path, &[("cookie", &cookies)], &format!("{pay}4242")).await;
    assert_eq!((bought.status, bought.header("location")), (303, "/orders/ord_1?placed=yes"));
    let placed = world.asked().into_iter().find(|asked| asked.operation == "PlaceOrder").expect("placed");
    assert_eq!(
        placed.variables["input"],
        json!({
            "idempotencyKey": "k", "destination": {"savedAddressId": "adr_1"}, "maxTotal": {"amount": "1.00", "currency": "EUR"},
            "payment": {"card": {"number": "4242", "expiryMonth": 12, "expiryYear": 2034, "cvv": "987"}}, "quoteId": "qte_1",
        })
    );
    let no_month = world.post(path, &[("cookie", &cookies)], "expiry=soon").await;
    assert!(no_month.status == 422 && no_month.body.contains(r#""field":"expiry""#), "{}", no_month.body);
    let address = "recipient=Ada&line1=A&city=B&postalCode=C&country=DE";
    let kept = world.post("/checkout", &[("cookie", &cookies)], address).await;
    assert_eq!((kept.status, kept.header("location")), (303, "/checkout/pay?address=adr_1"));
}

#[tokio::test]
async fn a_bank_is_answered_on_the_way_to_the_order() {
    let world = World::new(ada).await;
    let cookies = sign_in(&world, "", "").await.cookies();
    let pay = "idempotencyKey=k&expiry=12/34&cvv=987&maxAmount=1.00&maxCurrency=EUR&number=3220";
    let asked = world.post("/checkout/pay?address=adr_1", &[("cookie", &cookies)], pay).await;
    let path = "/challenge/chl_1?next=%2Forders%2Ford_1%3Fplaced%3Dyes";
    assert_eq!((asked.status, asked.header("location")), (303, path));
    // Whoever knows the address is let in, and pages of this site may show it in a frame.
    let page = world.get(path, &[]).await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").ends_with("frame-ancestors 'self'"));
    assert!(world.get("/sign-in", &[]).await.header("content-security-policy").ends_with("frame-ancestors 'none'"));
    let wrong = world.post(path, &[], "code=654321").await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("That is not the code.") && !wrong.body.contains("654321"), "{}", wrong.body);
    assert!(wrong.header("content-security-policy").ends_with("frame-ancestors 'self'"));
    for (form, location) in [("code=+123456", "/orders/ord_1?placed=yes"), ("code=&refuse=yes", path)] {
        let answered = world.post(path, &[], form).await;
        assert_eq!((answered.status, answered.header("location")), (303, location), "{form}");
    }
    for elsewhere in ["/challenge/chl_1", "/challenge/chl_1?next=https%3A%2F%2Fevil.example%2F"] {
        let passed = world.post(elsewhere, &[], "code=123456").await;
        assert_eq!((passed.status, passed.header("location")), (303, "/challenge/chl_1"), "{elsewhere}");
    }
    let other_site = world.post(path, &[("sec-fetch-site", "cross-site")], "refuse=yes").await;
    assert_eq!(other_site.status, 403);
}

#[tokio::test]
async fn forms_of_other_sites_and_of_other_kinds_change_nothing() {
    let world = World::new(ada).await;
    let form = "product=prd_1&quantity=1";
    let long = format!("product={}", "x".repeat(20_000));
    for (headers, form, status) in [
        (&[("sec-fetch-site", "cross-site")][..], form, 403),
        (&[("sec-fetch-site", "same-site")], form, 403),
        (&[("content-type", "application/json")], "{}", 415),
        (&[], &long, 413),
    ] {
        let answer = world.post("/cart", headers, form).await;
        assert_eq!(answer.status, status, "{headers:?}: {}", answer.body);
    }
    assert!(world.asked().is_empty());
    let not_a_number = world.post("/cart", &[], "product=prd_1&quantity=many").await;
    assert_eq!(not_a_number.status, 422);
    assert!(world.asked().iter().all(|asked| asked.operation != "AddToCart"));
    assert_eq!(world.post("/cart", &[("origin", URL)], form).await.status, 303);
}

#[tokio::test]
async fn one_whose_sign_in_has_ended_signs_in_and_goes_on() {
    let world = World::new(|asked| match asked.operation.as_str() {
        "Account" | "PlaceOrder" => {
            (StatusCode::UNAUTHORIZED, json!({"errors": [{"extensions": {"code": "INVALID_TOKEN"}}]}))
        }
        _ => ada(asked),
    })
    .await;
    let cookies = sign_in(&world, "", "").await.cookies();
    let account = world.get("/account", &[("cookie", &cookies)]).await;
    assert_eq!((account.status, account.header("location")), (303, "/sign-in?next=%2Faccount"));
    let path = "/checkout/pay?address=adr_1";
    let paid = world.post(path, &[("cookie", &cookies)], "expiry=12/34&number=1&cvv=1").await;
    assert_eq!((paid.status, paid.header("location")), (303, "/sign-in?next=%2Fcheckout%2Fpay%3Faddress%3Dadr_1"));
    assert!(paid.header("set-cookie").contains("Max-Age=0"));
}

#[tokio::test]
async fn a_card_is_kept_when_that_is_wished_and_pays_by_its_token() {
    let world = World::new(ada).await;
    let cookies = sign_in(&world, "", "").await.cookies();
    let path = "/checkout/pay?address=adr_1";
    let typed = "idempotencyKey=k&expiry=12/34&cvv=987&maxAmount=1.00&maxCurrency=EUR&number=4242";
    let operations = |world: &World| world.asked().into_iter().map(|asked| asked.operation).collect::<Vec<_>>();
    world.asked();
    world.post(path, &[("cookie", &cookies)], typed).await;
    assert_eq!(operations(&world), ["PlaceOrder"]);
    // The same card takes the place of the one that was kept before.
    let bought = world.post(path, &[("cookie", &cookies)], &format!("{typed}&keep=yes")).await;
    assert_eq!(bought.status, 303);
    let asked = world.asked();
    let forgotten = asked.iter().filter(|asked| asked.operation == "ForgetCard");
    assert_eq!(forgotten.map(|asked| asked.variables["token"].as_str()).collect::<Vec<_>>(), [Some("tok_old")]);
    // One that is declined is not kept.
    let declined = typed.replace("number=4242", "number=4000&keep=yes");
    assert_eq!(world.post(path, &[("cookie", &cookies)], &declined).await.status, 422);
    assert!(!operations(&world).contains(&"KeepCard".to_owned()));

    world.post(path, &[("cookie", &cookies)], "idempotencyKey=k&token=tok_new&maxAmount=1.00&maxCurrency=EUR").await;
    let placed = world.asked().into_iter().find(|asked| asked.operation == "PlaceOrder").expect("placed");
    assert_eq!(placed.variables["input"]["payment"], json!({"token": "tok_new"}));
}

#[tokio::test]
async fn an_account_forgets_what_it_keeps_and_keeps_one_more() {
    let world = World::new(ada).await;
    let cookies = sign_in(&world, "", "").await.cookies();
    for (form, operation) in [
        ("forget_card=tok_old", "ForgetCard"),
        ("forget_address=adr_1", "DeleteAddress"),
        ("recipient=Ada&line1=A&city=B&postalCode=C&country=DE", "AddAddress"),
    ] {
        world.asked();
        let done = world.post("/account", &[("cookie", &cookies)], form).await;
        assert_eq!((done.status, done.header("location")), (303, "/account"), "{form}");
        assert!(world.asked().iter().any(|asked| asked.operation == operation), "{form}");
    }
    let gone = world.post("/account", &[("cookie", &cookies)], "forget_card=tok_gone").await;
    assert!(gone.status == 422 && gone.body.contains("There is no such card."), "{}", gone.body);
    assert_eq!(world.post("/account", &[], "forget_card=tok_old").await.status, 303);
}

#[tokio::test]
async fn where_someone_is_stays_with_them() {
    let world = World::new(ada).await;
    let form = "country=CZ&currency=CZK&next=%2Fcart%3Fq%3Da%2520b%26currency%3DUSD";
    let chosen = world.post("/region", &[], form).await;
    assert_eq!((chosen.status, chosen.header("location")), (303, "/cart?q=a%20b&currency=CZK"));
    assert_eq!(chosen.cookies(), "vitrine_shop_country=CZ");
    let cart = world.get("/cart", &[("cookie", "vitrine_shop_country=CZ")]).await;
    assert!(cart.body.contains(r#"{"name":null,"cart":0,"country":"CZ"}"#), "{}", cart.body);
    for country in ["<b>", "cz", "CZE", ""] {
        let refused = world.post("/region", &[], &format!("country={country}&currency=none&next=//evil.example")).await;
        assert_eq!((refused.header("location"), refused.header("set-cookie")), ("/", ""), "{country}");
        let cart = world.get("/cart", &[("cookie", &format!("vitrine_shop_country={country}"))]).await;
        assert!(cart.body.contains(r#""country":null"#), "{}", cart.body);
    }
}
