//! Dashboards that come with the program.

/// By name.
pub(crate) const SHIPPED: &[(&str, &str)] = &[
    ("shop", include_str!("../dashboards/shop.json")),
    ("services", include_str!("../dashboards/services.json")),
    ("checkout-funnel", include_str!("../dashboards/checkout-funnel.json")),
    ("host", include_str!("../dashboards/host.json")),
    ("observatory", include_str!("../dashboards/observatory.json")),
];
