//! What customers, merchants and admins can rely on. Every scenario is run against a shop in one process and against one with a
//! process for each service: the same body, the same results.

mod accounts;
mod analytics;
mod bad_input;
mod buying;
mod challenges;
mod conditional;
mod doors;
mod faults;
mod matrix;
mod race;
mod selling;
mod standing;
mod tabs;
mod trace;

use std::path::Path;

use anyhow::Result;
use vitrine_tests_testkit::{Options, Placement, Shop};

/// The binary of this package's own build.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_vitrine-under-test");

async fn start(placement: Placement) -> Shop {
    Shop::start(Path::new(BINARY), placement, &Options::default()).await.expect("the shop starts")
}

macro_rules! scenarios {
    ($($module:ident :: $name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let mut shop = start(Placement::Local).await;
                $module::$name(&shop).await.expect(stringify!($name));
                shop.process().expect("it runs").stop().expect("it stops");
            }
        )*

        /// All scenarios, one after the other, in one shop: what each came to.
        async fn every_scenario(shop: &Shop) -> Vec<(&'static str, Result<()>)> {
            vec![$((stringify!($name), $module::$name(shop).await)),*]
        }
    };
}

scenarios! {
    buying::a_purchase_is_made_once,
    buying::a_purchase_can_be_cancelled,
    buying::an_order_is_undone_once,
    buying::refusals_leave_nothing_behind,
    buying::carts_and_quotes,
    buying::quotes_refuse_what_orders_refuse,
    buying::recommendations_learn_from_orders,
    challenges::a_bank_that_asks_is_answered_or_nothing_is_bought,
    challenges::a_quote_binds,
    tabs::six_tabs_buy_a_cart_once,
    tabs::what_is_put_in_while_buying_stays,
    tabs::a_refused_purchase_frees_the_cart,
    selling::merchants_sell_their_own,
    selling::the_catalogue_can_be_walked_and_searched,
    selling::lists_are_narrowed_and_sorted,
    accounts::tokens_are_rotated_and_revoked,
    accounts::forged_tokens_are_refused,
    accounts::wrong_passwords_lock,
    accounts::customers_own_their_data,
    accounts::addresses_that_look_the_same_are_one,
    accounts::of_sign_ups_at_once_one_succeeds,
    standing::erased_customers_are_refused_at_once,
    standing::an_erasure_amid_a_purchase_leaves_nothing_personal,
    standing::locked_accounts_are_refused_at_once,
    conditional::reads_and_changes_keep_their_preconditions,
    bad_input::every_bad_request_is_told_what_is_wrong,
    doors::each_listener_is_for_one_world,
    race::the_last_seats,
    trace::one_order_is_one_trace,
    analytics::visits_are_measured_where_visitors_agreed,
    analytics::sources_are_ones_own,
}
