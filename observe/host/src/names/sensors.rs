//! Temperatures, voltages, fans: only by the node exporter's names, and `hw.temperature` by OpenTelemetry's.

use vitrine_observe_series::MetricType;

use crate::Names;
use crate::families::Families;
use crate::files::{Error, Files};

/// What the kernel counts temperatures, voltages and currents in.
const MILLI: f64 = 0.001;
/// What it counts power in.
const MICRO: f64 = 0.000_001;

/// `/sys/class/hwmon`.
pub(crate) fn hwmon(files: &Files, names: Names, families: &mut Families) -> Result<(), Error> {
    for folder in files.sys_names("class/hwmon")? {
        let base = format!("class/hwmon/{folder}");
        let chip_name = files.sys(&format!("{base}/name")).map(|text| text.trim().to_owned()).unwrap_or_default();
        let chip = if chip_name.is_empty() { folder.clone() } else { chip_name };
        for file in files.sys_names(&base)? {
            let Some(sensor) = file.strip_suffix("_input") else { continue };
            let Ok(text) = files.sys(&format!("{base}/{file}")) else { continue };
            let Ok(value) = text.trim().parse::<f64>() else { continue };
            let kind = sensor.trim_end_matches(|c: char| c.is_ascii_digit());
            let (name, help, factor) = match kind {
                "temp" => ("node_hwmon_temp_celsius", "Hardware monitor for temperature (input)", MILLI),
                "in" => ("node_hwmon_in_volts", "Hardware monitor for voltage (input)", MILLI),
                "curr" => ("node_hwmon_curr_amps", "Hardware monitor for current (input)", MILLI),
                "power" => ("node_hwmon_power_watt", "Hardware monitor for power usage in watts (input)", MICRO),
                "fan" => ("node_hwmon_fan_rpm", "Hardware monitor for fan revolutions per minute (input)", 1.0),
                _ => continue,
            };
            if names == Names::NodeExporter {
                families.gauge(name, help, &[("chip", &chip), ("sensor", sensor)], value * factor);
            } else if kind == "temp" {
                let labels = [("hw.id", sensor), ("hw.name", chip.as_str())];
                families.add("hw.temperature", MetricType::Gauge, "Temperature", "Cel", &labels, value * factor);
            }
        }
    }
    Ok(())
}

/// `/sys/class/thermal`.
pub(crate) fn thermal_zones(files: &Files, names: Names, families: &mut Families) -> Result<(), Error> {
    for folder in files.sys_names("class/thermal")? {
        let Some(zone) = folder.strip_prefix("thermal_zone") else { continue };
        let Ok(text) = files.sys(&format!("class/thermal/{folder}/temp")) else { continue };
        let Ok(value) = text.trim().parse::<f64>() else { continue };
        let kind =
            files.sys(&format!("class/thermal/{folder}/type")).map(|text| text.trim().to_owned()).unwrap_or_default();
        if names == Names::NodeExporter {
            let labels = [("type", kind.as_str()), ("zone", zone)];
            families.gauge("node_thermal_zone_temp", "Zone temperature in Celsius", &labels, value * MILLI);
        }
    }
    Ok(())
}
