//! The table of rates.

/// The day of the rates.
pub const AS_OF: &str = "2026-11-20";

/// Units of a currency for one euro, as decimal numbers. Sorted by code; every currency of the kit is here.
pub const RATES: &[(&str, &str)] = &[
    ("AUD", "1.7812"),
    ("BGN", "1.9558"),
    ("BHD", "0.4361"),
    ("BRL", "6.2145"),
    ("CAD", "1.6234"),
    ("CHF", "0.9312"),
    ("CNY", "8.2410"),
    ("CZK", "24.215"),
    ("DKK", "7.4687"),
    ("EUR", "1"),
    ("GBP", "0.8802"),
    ("HKD", "9.0123"),
    ("HUF", "382.45"),
    ("IDR", "19321.5"),
    ("ILS", "3.7812"),
    ("INR", "102.715"),
    ("ISK", "147.3"),
    ("JPY", "181.24"),
    ("KRW", "1698.2"),
    ("MXN", "21.2345"),
    ("MYR", "4.7912"),
    ("NOK", "11.7315"),
    ("NZD", "2.0545"),
    ("PHP", "68.12"),
    ("PLN", "4.2365"),
    ("RON", "5.0885"),
    ("SEK", "10.9875"),
    ("SGD", "1.5098"),
    ("THB", "37.456"),
    ("TRY", "48.9123"),
    ("USD", "1.1576"),
    ("ZAR", "19.8745"),
];
