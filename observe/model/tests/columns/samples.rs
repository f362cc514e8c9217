//! Samples as Parquet files for other tools.

use vitrine_observe_model::{SampleFile, SampleValue};

#[test]
fn samples_fill_row_groups_and_an_empty_file_is_one() {
    for count in [0u64, 1, 200_000] {
        let mut bytes = Vec::new();
        let mut file = SampleFile::new(&mut bytes).expect("a file");
        for sample in 0..count {
            let value = match sample % 3 {
                0 => SampleValue::Histogram(3.0, 1.5, "[[0,\"0\",\"1\",\"3\"]]"),
                _ => SampleValue::Number(sample as f64),
            };
            file.add("up", [("job", "api"), ("instance", "é")], sample as i64, value).expect("it can be written");
        }
        assert_eq!(file.rows(), count);
        assert_eq!(file.finish().expect("a whole file"), bytes.len() as u64);
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"), "{count}");
    }
}
