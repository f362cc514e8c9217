//! How PromQL says what MetricsQL has functions of its own for.

/// What to write in PromQL instead of a function that it has not; none if the function is not known from elsewhere.
pub(crate) fn promql_way(name: &str) -> Option<&'static str> {
    let way = match name {
        "holt_winters" => "it is now called double_exponential_smoothing",
        "median" => "write quantile(0.5, …)",
        "median_over_time" => "write quantile_over_time(0.5, …)",
        "range_median" => "write quantile_over_time(0.5, …[range:step])",
        "range_avg" => "write avg_over_time(…[range:step])",
        "range_sum" => "write sum_over_time(…[range:step])",
        "range_min" => "write min_over_time(…[range:step])",
        "range_max" => "write max_over_time(…[range:step])",
        "range_first" => "write first_over_time(…[range:step])",
        "range_last" => "write last_over_time(…[range:step])",
        "range_quantile" => "write quantile_over_time(phi, …[range:step])",
        "range_stddev" => "write stddev_over_time(…[range:step])",
        "range_stdvar" => "write stdvar_over_time(…[range:step])",
        "running_sum" | "running_avg" | "running_min" | "running_max" => {
            "write sum_over_time, avg_over_time, min_over_time or max_over_time over a subquery"
        }
        "default_rollup" => "write last_over_time(…[range])",
        "rollup" | "rollup_rate" | "rollup_increase" | "rollup_delta" | "rollup_deriv" => {
            "write min_over_time, max_over_time and avg_over_time over a subquery"
        }
        "increase_pure" | "increase_prometheus" => "write increase(…[range])",
        "delta_prometheus" => "write delta(…[range])",
        "rate_prometheus" => "write rate(…[range])",
        "rate_over_sum" => "write sum_over_time(…[range]) divided by the seconds of the range",
        "distinct" => "write count(count_values(\"value\", …))",
        "any" => "write limitk(1, …)",
        "sum2" => "write sum((…) ^ 2)",
        "geomean" => "write exp(avg(ln(…)))",
        "mode_over_time" | "zscore_over_time" | "zscore" => "it can be computed of avg, stddev and their _over_time",
        "alias" | "label_set" => "write label_replace(…, \"label\", \"value\", \"\", \"\")",
        "label_copy" | "label_move" | "label_transform" => "write label_replace(…, \"to\", \"$1\", \"from\", \"(.*)\")",
        "label_del" => "write sum without (label) (…)",
        "label_keep" => "write sum by (label) (…)",
        "label_match" | "label_mismatch" => "put the condition into the selector",
        "union" => "write a or b",
        "ifnot" => "write a unless b",
        "topk_avg" | "topk_max" | "topk_min" | "topk_last" | "topk_median" => {
            "write … and topk(k, avg_over_time(…[range:step] @ end())) or the like"
        }
        "bottomk_avg" | "bottomk_max" | "bottomk_min" | "bottomk_last" | "bottomk_median" => {
            "write … and bottomk(k, avg_over_time(…[range:step] @ end())) or the like"
        }
        "outliersk" | "outliers_mad" | "outliers_iqr" => "compare with quantile(…) or stddev(…)",
        "share" => "write a / on () group_left () sum(a)",
        "histogram_share" => "write histogram_fraction(lower, upper, …)",
        "prometheus_buckets" => "histogram_quantile takes native histograms as they are",
        "interpolate" | "keep_last_value" | "keep_next_value" => "write last_over_time(…[range])",
        "remove_resets" => "write increase(…[range])",
        "now" => "write time()",
        "tlast_over_time" | "timestamp_with_name" => "write ts_of_last_over_time(…[range])",
        "tfirst_over_time" => "write ts_of_first_over_time(…[range])",
        "tmax_over_time" => "write ts_of_max_over_time(…[range])",
        "tmin_over_time" => "write ts_of_min_over_time(…[range])",
        "lag" | "lifetime" | "scrape_interval" => "compute it of time() and timestamp(…)",
        "count_eq_over_time" | "count_ne_over_time" | "count_gt_over_time" | "count_le_over_time" => {
            "write sum_over_time((… > bool x)[range:step])"
        }
        "share_gt_over_time" | "share_le_over_time" | "share_eq_over_time" => {
            "write avg_over_time((… > bool x)[range:step])"
        }
        _ => return None,
    };
    Some(way)
}
