//! Messages as they are on the wire: one field read, or changed, by its way through the contract, without decoding the rest.
//!
//! Source: Protocol Buffers, "Encoding".

use std::collections::HashMap;
use std::sync::LazyLock;

use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorSet};
use vitrine_contracts::DESCRIPTORS;
use vitrine_kit::varint;

/// Most fields on the way to one: each is a message within another.
pub(crate) const MAX_DEPTH: usize = 8;
/// What stands before a message of gRPC: whether it is compressed, and its length.
const FRAME: usize = 5;

/// Everything that the contracts describe, by full name with a dot before it.
struct Types {
    messages: HashMap<String, DescriptorProto>,
    enums: HashMap<String, EnumDescriptorProto>,
    /// What a method takes and returns, by path.
    methods: HashMap<String, (String, String)>,
}

static TYPES: LazyLock<Types> = LazyLock::new(|| {
    let files = FileDescriptorSet::decode(DESCRIPTORS).expect("the contracts' own descriptors, written by their build");
    let mut types = Types { messages: HashMap::new(), enums: HashMap::new(), methods: HashMap::new() };
    for file in files.file {
        let package = file.package().to_owned();
        for message in file.message_type {
            types.enums.extend(
                message.enum_type.iter().map(|e| (format!(".{package}.{}.{}", message.name(), e.name()), e.clone())),
            );
            // None of the contracts has a message two levels within another.
            types.messages.extend(
                message.nested_type.iter().map(|m| (format!(".{package}.{}.{}", message.name(), m.name()), m.clone())),
            );
            types.messages.insert(format!(".{package}.{}", message.name()), message);
        }
        types.enums.extend(file.enum_type.into_iter().map(|e| (format!(".{package}.{}", e.name()), e)));
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{package}.{}/{}", service.name(), method.name());
                types.methods.insert(path, (method.input_type().to_owned(), method.output_type().to_owned()));
            }
        }
    }
    types
});

/// The way to a field, and what it holds.
#[derive(Clone, Debug)]
pub(crate) struct FieldPath {
    numbers: Vec<u32>,
    kind: Type,
    enum_name: String,
}

/// Which message of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Request,
    Answer,
}

impl FieldPath {
    /// Finds a field of a method's message by its name, or by `outer.inner`. None where there is no such field, or it is a message itself, or
    /// a list on the way is asked for a change.
    pub(crate) fn of(path: &str, side: Side, name: &str) -> Option<Self> {
        let (input, output) = TYPES.methods.get(path)?;
        let mut within = if side == Side::Request { input } else { output };
        let mut numbers = Vec::new();
        let mut parts = name.split('.').peekable();
        loop {
            let part = parts.next()?;
            let field = TYPES.messages.get(within)?.field.iter().find(|f| f.name() == part)?;
            numbers.push(u32::try_from(field.number()).ok()?);
            let is_leaf = parts.peek().is_none();
            if numbers.len() > MAX_DEPTH || (side == Side::Answer && is_leaf && field.label() == Label::Repeated) {
                return None;
            }
            if field.r#type() == Type::Message {
                if is_leaf {
                    return None;
                }
                within = field.type_name.as_ref()?;
            } else if is_leaf {
                return Some(Self { numbers, kind: field.r#type(), enum_name: field.type_name().to_owned() });
            } else {
                return None;
            }
        }
    }

    /// Reads a text as what this field holds; none if it is not that.
    pub(crate) fn value(&self, text: &str) -> Option<Value> {
        Some(match self.kind {
            Type::String | Type::Bytes => Value::Text(text.as_bytes().to_vec()),
            Type::Bool => Value::Number(match text {
                "true" => 1,
                "false" => 0,
                _ => return None,
            }),
            Type::Enum => {
                let named = TYPES.enums.get(&self.enum_name)?.value.iter().find(|v| v.name() == text);
                Value::Number(i128::from(named?.number()))
            }
            Type::Double | Type::Float => Value::Real(text.parse().ok()?),
            _ => Value::Number(text.parse().ok()?),
        })
    }

    /// Whether it holds a number, which can be scaled.
    pub(crate) fn is_number(&self) -> bool {
        !matches!(self.kind, Type::String | Type::Bytes | Type::Bool | Type::Enum)
    }

    /// Whether any value of this field in a message is so. One that is not there has its default, as proto3 says.
    pub(crate) fn any(&self, message: &[u8], mut is_so: impl FnMut(&Value) -> bool) -> bool {
        let mut seen = false;
        let mut is_found = false;
        self.visit(message, 0, &mut |value| {
            seen = true;
            is_found |= is_so(&value);
        });
        is_found || (!seen && is_so(&self.default()))
    }

    /// The bytes of the first text that this field has.
    pub(crate) fn text(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut found = None;
        self.visit(message, 0, &mut |value| {
            if let (Value::Text(text), None) = (value, &found) {
                found = Some(text);
            }
        });
        found
    }

    fn visit(&self, message: &[u8], depth: usize, see: &mut dyn FnMut(Value)) {
        let mut rest = message;
        while let Some(part) = Part::next(&mut rest) {
            if part.number != self.numbers[depth] {
                continue;
            }
            if depth + 1 < self.numbers.len() {
                if part.wire == Wire::Bytes {
                    self.visit(part.payload, depth + 1, see);
                }
            } else if let Some(value) = self.decode(&part) {
                see(value);
            }
        }
    }

    fn default(&self) -> Value {
        match self.kind {
            Type::String | Type::Bytes => Value::Text(Vec::new()),
            Type::Double | Type::Float => Value::Real(0.0),
            _ => Value::Number(0),
        }
    }

    fn decode(&self, part: &Part<'_>) -> Option<Value> {
        Some(match (self.kind, part.wire) {
            (Type::String | Type::Bytes, Wire::Bytes) => Value::Text(part.payload.to_vec()),
            (Type::Double, Wire::Fixed64) => Value::Real(f64::from_le_bytes(part.payload.try_into().ok()?)),
            (Type::Float, Wire::Fixed32) => Value::Real(f32::from_le_bytes(part.payload.try_into().ok()?).into()),
            (Type::Fixed64, Wire::Fixed64) => Value::Number(u64::from_le_bytes(part.payload.try_into().ok()?).into()),
            (Type::Sfixed64, Wire::Fixed64) => Value::Number(i64::from_le_bytes(part.payload.try_into().ok()?).into()),
            (Type::Fixed32, Wire::Fixed32) => Value::Number(u32::from_le_bytes(part.payload.try_into().ok()?).into()),
            (Type::Sfixed32, Wire::Fixed32) => Value::Number(i32::from_le_bytes(part.payload.try_into().ok()?).into()),
            (kind, Wire::Varint) => {
                let raw = varint::read(&mut { part.payload }).ok()?;
                Value::Number(match kind {
                    Type::Sint32 | Type::Sint64 => i128::from((raw >> 1).cast_signed() ^ -((raw & 1).cast_signed())),
                    Type::Uint32 | Type::Uint64 | Type::Bool => raw.into(),
                    _ => raw.cast_signed().into(),
                })
            }
            _ => return None,
        })
    }

    /// Writes a value of this field, with its number before it. One that its type cannot hold is the nearest that it can.
    fn encode(&self, value: &Value, out: &mut Vec<u8>) {
        let number = u64::from(self.numbers[self.numbers.len() - 1]);
        let key = |out: &mut Vec<u8>, wire: u64| varint::write(out, number << 3 | wire);
        let integer = |low: i128, high: i128| match value {
            Value::Number(n) => (*n).clamp(low, high),
            Value::Real(x) => (*x as i128).clamp(low, high),
            Value::Text(_) => 0,
        };
        let real = match value {
            Value::Real(x) => *x,
            Value::Number(n) => *n as f64,
            Value::Text(_) => 0.0,
        };
        let signed = |bits: u32| integer(-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1) as i64;
        let unsigned = |bits: u32| integer(0, (1_i128 << bits) - 1) as u64;
        match self.kind {
            Type::String | Type::Bytes => {
                let Value::Text(text) = value else { return };
                key(out, 2);
                varint::write(out, text.len() as u64);
                out.extend_from_slice(text);
            }
            Type::Double => (key(out, 1), out.extend(real.to_le_bytes())).1,
            Type::Float => (key(out, 5), out.extend((real as f32).to_le_bytes())).1,
            Type::Fixed64 => (key(out, 1), out.extend(unsigned(64).to_le_bytes())).1,
            Type::Sfixed64 => (key(out, 1), out.extend(signed(64).to_le_bytes())).1,
            Type::Fixed32 => (key(out, 5), out.extend((unsigned(32) as u32).to_le_bytes())).1,
            Type::Sfixed32 => (key(out, 5), out.extend((signed(32) as i32).to_le_bytes())).1,
            Type::Sint32 | Type::Sint64 => {
                let n = signed(if self.kind == Type::Sint32 { 32 } else { 64 });
                (key(out, 0), varint::write(out, ((n << 1) ^ (n >> 63)).cast_unsigned())).1
            }
            Type::Uint32 => (key(out, 0), varint::write(out, unsigned(32))).1,
            Type::Uint64 => (key(out, 0), varint::write(out, unsigned(64))).1,
            Type::Bool => (key(out, 0), varint::write(out, unsigned(1))).1,
            Type::Int64 => (key(out, 0), varint::write(out, signed(64).cast_unsigned())).1,
            _ => (key(out, 0), varint::write(out, signed(32).cast_unsigned())).1,
        }
    }

    /// Returns a message with this field changed: each value that is there is what `change` makes of it; none is left out. Where the
    /// message that has the field is there and the field is not, `change` is given its default.
    pub(crate) fn changed(&self, message: &[u8], change: &dyn Fn(&Value) -> Option<Value>) -> Vec<u8> {
        self.change_at(message, 0, change)
    }

    fn change_at(&self, message: &[u8], depth: usize, change: &dyn Fn(&Value) -> Option<Value>) -> Vec<u8> {
        let mut out = Vec::with_capacity(message.len());
        let mut rest = message;
        let (is_leaf, mut seen) = (depth + 1 == self.numbers.len(), false);
        loop {
            let before = rest;
            let Some(part) = Part::next(&mut rest) else {
                // What cannot be read stays as it is.
                out.extend_from_slice(before);
                break;
            };
            let raw = &before[..before.len() - rest.len()];
            if part.number != self.numbers[depth] {
                out.extend_from_slice(raw);
            } else if is_leaf {
                seen = true;
                match self.decode(&part) {
                    Some(value) => change(&value).into_iter().for_each(|value| self.encode(&value, &mut out)),
                    None => out.extend_from_slice(raw),
                }
            } else if part.wire == Wire::Bytes {
                let within = self.change_at(part.payload, depth + 1, change);
                varint::write(&mut out, u64::from(part.number) << 3 | 2);
                varint::write(&mut out, within.len() as u64);
                out.extend_from_slice(&within);
            } else {
                out.extend_from_slice(raw);
            }
        }
        if is_leaf
            && !seen
            && let Some(value) = change(&self.default())
        {
            self.encode(&value, &mut out);
        }
        out
    }
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(Vec<u8>),
    Number(i128),
    Real(f64),
}

impl Value {
    pub(crate) fn scaled(&self, by: f64) -> Self {
        match self {
            // As a whole number where it is one: a price times 1000 keeps its last digit.
            Self::Number(n) if by.fract() == 0.0 && by.abs() < 1e15 => Self::Number(n.saturating_mul(by as i128)),
            Self::Number(n) => Self::Real((*n as f64 * by).round()),
            Self::Real(x) => Self::Real(x * by),
            Self::Text(text) => Self::Text(text.clone()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Varint,
    Fixed64,
    Bytes,
    Fixed32,
}

/// One field of a message.
struct Part<'a> {
    number: u32,
    wire: Wire,
    payload: &'a [u8],
}

impl<'a> Part<'a> {
    /// Takes the next field; none at the end, or where the rest cannot be read. `rest` is then as it was.
    fn next(rest: &mut &'a [u8]) -> Option<Self> {
        let mut at = *rest;
        let key = varint::read(&mut at).ok()?;
        let number = u32::try_from(key >> 3).ok()?;
        let (wire, length) = match key & 7 {
            0 => {
                let mut end = at;
                varint::read(&mut end).ok()?;
                (Wire::Varint, at.len() - end.len())
            }
            1 => (Wire::Fixed64, 8),
            2 => (Wire::Bytes, usize::try_from(varint::read(&mut at).ok()?).ok()?),
            5 => (Wire::Fixed32, 4),
            _ => return None,
        };
        let (payload, behind) = at.split_at_checked(length)?;
        *rest = behind;
        Some(Self { number, wire, payload })
    }
}

/// Returns the message within a body of a unary call; none where it is compressed or not whole.
pub fn unframed(body: &[u8]) -> Option<&[u8]> {
    let (frame, message) = body.split_at_checked(FRAME)?;
    (frame[0] == 0).then_some(message)
}

/// Returns a body with this message.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut body = Vec::with_capacity(FRAME + message.len());
    body.push(0);
    body.extend(length.to_be_bytes());
    body.extend_from_slice(message);
    body
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};
    use prost::Message;
    use vitrine_contracts::carts::v1::{AddItemRequest, Cart};
    use vitrine_contracts::common::v1::Line;

    use super::{FieldPath, Side, Value};

    const ADD: &str = "/vitrine.carts.v1.CartsService/AddItem";

    #[test]
    fn fields_are_found_by_name_or_not_at_all() {
        for (path, side, name, is_there) in [
            (ADD, Side::Request, "customer_id", true),
            (ADD, Side::Request, "line.product_id", true),
            (ADD, Side::Request, "line.quantity", true),
            (ADD, Side::Request, "line", false),
            (ADD, Side::Request, "line.", false),
            (ADD, Side::Request, "customer_id.more", false),
            (ADD, Side::Request, "", false),
            (ADD, Side::Request, "Customer_Id", false),
            (ADD, Side::Answer, "version", true),
            ("/vitrine.carts.v1.CartsService/Steal", Side::Request, "customer_id", false),
        ] {
            assert_eq!(FieldPath::of(path, side, name).is_some(), is_there, "{path} {name}");
        }
    }

    #[test]
    fn a_field_that_is_not_there_has_its_default() {
        let path = FieldPath::of(ADD, Side::Request, "line.quantity").expect("a field");
        assert!(path.any(&[], |value| *value == Value::Number(0)));
        let request =
            AddItemRequest { line: Some(Line { quantity: 3, ..Line::default() }), ..AddItemRequest::default() };
        assert!(path.any(&request.encode_to_vec(), |value| *value == Value::Number(3)));
        assert!(!path.any(&request.encode_to_vec(), |value| *value == Value::Number(0)));
    }

    proptest! {
        /// Whatever was sent: what is read is what was written, a change changes that, and bent bytes bring nothing down.
        #[test]
        fn fields_survive(customer in ".{0,40}", product in ".{0,40}", quantity in any::<u32>(), bent in proptest::collection::vec(any::<u8>(), 0..200)) {
            let line = Line { product_id: product.clone(), quantity };
            let request = AddItemRequest { customer_id: customer.clone(), line: Some(line) };
            let bytes = request.encode_to_vec();
            let path = FieldPath::of(ADD, Side::Request, "line.quantity").expect("a field");
            prop_assert_eq!(path.any(&bytes, |v| *v == Value::Number(quantity.into())), true);
            let changed = path.changed(&bytes, &|v| Some(v.scaled(2.0)));
            let read = AddItemRequest::decode(&*changed).expect("a message still");
            prop_assert_eq!(&read.customer_id, &customer);
            let line = read.line.expect("a line");
            prop_assert_eq!((line.product_id, line.quantity), (product, quantity.saturating_mul(2)));
            let cleared = AddItemRequest::decode(&*path.changed(&bytes, &|_| None)).expect("a message still");
            prop_assert_eq!(cleared.line.expect("a line").quantity, 0);
            path.changed(&bent, &|v| Some(v.scaled(-3.5)));
            path.any(&bent, |_| false);
            let cart = FieldPath::of(ADD, Side::Answer, "version").expect("a field");
            let cart = cart.changed(&Cart { customer_id: customer.clone(), ..Cart::default() }.encode_to_vec(), &|_| Some(Value::Number(7)));
            let cart = Cart::decode(&*cart).expect("a cart still");
            prop_assert_eq!((cart.customer_id, cart.version), (customer, 7));
        }
    }
}
