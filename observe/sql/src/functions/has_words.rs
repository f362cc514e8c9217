//! `has_words(body, 'card declined')`: whether a text has words.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::BooleanArray;
use arrow_array::cast::AsArray;
use arrow_schema::DataType;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use vitrine_observe_text::folded_words;

use super::attr::is_text;
use crate::pushdown::HAS_WORDS;

/// Whether a text has all these words, whatever their order and case; null where there is no text.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct HasWords {
    signature: Signature,
}

impl HasWords {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for HasWords {
    fn name(&self) -> &str {
        HAS_WORDS
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        match kinds {
            [text, words] if is_text(text) && is_text(words) => Ok(vec![DataType::Utf8, DataType::Utf8]),
            _ => {
                plan_err!("has_words takes a text and the words to look for, such as has_words(body, 'card declined')")
            }
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [texts, wanted] = args.args.as_slice() else { return exec_err!("has_words takes a text and words") };
        let texts = texts.to_array(args.number_rows)?;
        let texts = texts.as_string::<i32>();
        let found: BooleanArray = match wanted {
            ColumnarValue::Scalar(wanted) => {
                let wanted = wanted.try_as_str().flatten().map(all_of);
                texts.iter().map(|text| Some(has_all(text?, wanted.as_ref()?))).collect()
            }
            ColumnarValue::Array(wanted) => {
                let wanted = wanted.as_string::<i32>().iter();
                texts.iter().zip(wanted).map(|(text, wanted)| Some(has_all(text?, &all_of(wanted?)))).collect()
            }
        };
        Ok(ColumnarValue::Array(Arc::new(found)))
    }
}

/// Each word of a text, in lower case.
fn all_of(text: &str) -> HashSet<Cow<'_, str>> {
    folded_words(text).collect()
}

fn has_all(text: &str, wanted: &HashSet<Cow<'_, str>>) -> bool {
    wanted.is_empty() || wanted.is_subset(&all_of(text))
}
