//! `attr(attributes, 'http.route')`: the value of an attribute.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, MapArray, StringArray, UInt32Array};
use arrow_schema::DataType;
use arrow_select::take::take;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use datafusion::scalar::ScalarValue;

/// The value of a key as text; null where there is none.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Attr {
    signature: Signature,
}

impl Attr {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Attr {
    fn name(&self) -> &str {
        "attr"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        match kinds {
            [map @ DataType::Map(..), key] if is_text(key) => Ok(vec![map.clone(), DataType::Utf8]),
            _ => plan_err!(
                "attr takes a map and a key, such as attr(attributes, 'http.route') or attr(resource, 'host.name')"
            ),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [map, key] = args.args.as_slice() else { return exec_err!("attr takes a map and a key") };
        let map = map.to_array(args.number_rows)?;
        let map = map.as_map();
        let found = match key {
            ColumnarValue::Scalar(key) => match key.try_as_str().flatten() {
                Some(key) => select(map, |_| Some(key))?,
                None => return Ok(ColumnarValue::Scalar(ScalarValue::Utf8(None))),
            },
            ColumnarValue::Array(keys) => {
                let keys = keys.as_string::<i32>();
                select(map, |row| keys.is_valid(row).then(|| keys.value(row)))?
            }
        };
        Ok(ColumnarValue::Array(found))
    }
}

/// Whether a type is of texts.
pub(super) fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => true,
        DataType::Dictionary(_, value) => is_text(value),
        _ => false,
    }
}

/// The values of one key for each row.
fn select<'a>(map: &MapArray, key_of: impl Fn(usize) -> Option<&'a str>) -> Result<ArrayRef> {
    let (Some(keys), Some(values)) =
        (map.keys().as_string_opt::<i32>(), map.values().as_string_opt::<i32>().map(|_| map.values()))
    else {
        return exec_err!("attr takes a map from text to text; {} found", map.data_type());
    };
    let offsets = map.value_offsets();
    let places = (0..map.len()).map(|row| {
        let key = key_of(row).filter(|_| map.is_valid(row))?;
        // Offsets of an array are never negative.
        let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
        find(keys, start, end, key)
    });
    let places: UInt32Array = places.collect();
    Ok(take(values, &places, None)?)
}

/// Where the key is between two entries. Lengths are compared first, which decides most.
fn find(keys: &StringArray, start: usize, end: usize, key: &str) -> Option<u32> {
    let (bounds, bytes) = (keys.value_offsets(), keys.value_data());
    let place = (start..end).find(|&place| {
        let (from, to) = (bounds[place] as usize, bounds[place + 1] as usize);
        to - from == key.len() && &bytes[from..to] == key.as_bytes()
    });
    place.and_then(|place| u32::try_from(place).ok())
}

#[cfg(test)]
mod tests {
    use arrow_array::builder::{MapBuilder, MapFieldNames, StringBuilder};

    use super::{MapArray, select};

    type Row<'a> = Option<&'a [(&'a str, Option<&'a str>)]>;

    fn maps(rows: &[Row<'_>]) -> MapArray {
        let names = MapFieldNames { entry: "entries".into(), key: "keys".into(), value: "values".into() };
        let mut builder = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
        for row in rows {
            for (key, value) in row.unwrap_or_default() {
                builder.keys().append_value(key);
                builder.values().append_option(*value);
            }
            builder.append(row.is_some()).unwrap();
        }
        builder.finish()
    }

    #[test]
    fn values_are_found_in_their_rows_also_of_a_slice() {
        let rows = [
            Some(&[("a", Some("1")), ("bb", Some("2"))][..]),
            Some(&[][..]),
            None,
            Some(&[("bb", None)][..]),
            Some(&[("b", Some("no")), ("bb", Some("5"))][..]),
        ];
        let map = maps(&rows);
        let found = select(&map, |_| Some("bb")).unwrap();
        let found: Vec<Option<&str>> = arrow_array::cast::AsArray::as_string::<i32>(&found).iter().collect();
        assert_eq!(found, [Some("2"), None, None, None, Some("5")]);
        let slice = map.slice(3, 2);
        let found = select(&slice, |row| ["a", "b"].get(row).copied()).unwrap();
        let found: Vec<Option<&str>> = arrow_array::cast::AsArray::as_string::<i32>(&found).iter().collect();
        assert_eq!(found, [None, Some("no")]);
    }
}
