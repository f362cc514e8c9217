//! The console as operators see it.

use vitrine_tests_testkit::Options;

use super::{run, run_in};

/// A shop in which customers buy, so that there is something to see.
async fn run_under_load(flows: &[&str]) {
    let options = Options { load: Some("2".to_owned()), ..Options::default() };
    run_in(&options, flows, async |_| Ok(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_followed_from_map_alert_and_flag_to_the_line_of_the_log() {
    run(&[
        "console_three_clicks",
        "console_from_an_alert",
        "console_from_a_flags_chart",
        "console_map_by_keyboard",
        "console_service",
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_differs_names_the_cause_and_traces_are_read_and_compared() {
    run(&[
        "console_what_differs",
        "console_reading_a_trace",
        "console_comparing_traces",
        "console_odd_traces",
        "console_while_the_backend_is_away",
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_metrics_and_sql_are_asked() {
    run(&["console_logs", "console_logs_followed", "console_metrics", "console_sql", "console_queries_read"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flags_are_changed_and_faults_are_stopped() {
    run(&["changing_flags", "stopping_faults", "reading_flags"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dashboards_are_made_changed_at_once_imported_and_read() {
    run(&["making_dashboards", "changing_a_dashboard_at_once", "importing_dashboards", "reading_dashboards"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_are_silenced() {
    run(&["silencing_alerts", "reading_alerts"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_back_office_keeps_the_shop() {
    run_under_load(&["keeping_products", "keeping_sources", "following_orders", "reading_shop"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_promised_scraped_and_visited_is_shown() {
    run(&["objectives_of_the_console", "targets_of_the_console", "visits_of_the_console", "reading_what_is_promised"])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_lead_to_what_they_say_also_those_of_earlier_pages() {
    run(&["console_links", "older_links_of_the_console", "console_sign_in"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_can_use_every_page_by_keyboard_in_both_themes_and_on_a_phone() {
    run_under_load(&["console_by_keyboard", "console_for_everyone", "console_overview_for_everyone"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_runs_the_shop_signs_in_to_the_console_by_the_shop() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("vitrine.toml");
    let account = "account_id = \"adm_ada\"\nemail = \"ada@vitrine.example\"\npassword = \"through the looking glass\"\nrole = \"admin\"";
    std::fs::write(&file, format!("[shop]\ndemo = \"off\"\n\n[[auth.accounts]]\n{account}\n")).expect("written");
    let variables = vec![("VITRINE_CONFIG".to_owned(), file.display().to_string())];
    let options = Options { variables, ..Options::default() };
    run_in(&options, &["console_by_the_shop"], async |_| Ok(())).await;
}
