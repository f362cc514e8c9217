//! How messages become bytes: as gRPC has it, beginning with small buffers.

use std::fmt;
use std::marker::PhantomData;

use prost::Message;
use tonic::codec::{BufferSettings, Codec};
use tonic_prost::ProstCodec;

/// What a buffer has room for at first, in bytes; it grows when a message is larger. Most are smaller, and the eight thousand that are
/// usual are more than an allocator has at hand: four such buffers were a good part of what a call within a process cost.
const BUFFER_BYTES: usize = 512;
/// So many encoded bytes are handed on at once, as is usual.
const YIELD_BYTES: usize = 32 * 1024;

/// Encodes messages of one type and decodes those of another.
pub struct SmallCodec<T, U>(PhantomData<(T, U)>);

fn buffers() -> BufferSettings {
    BufferSettings::new(BUFFER_BYTES, YIELD_BYTES)
}

impl<T, U> Default for SmallCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> fmt::Debug for SmallCodec<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SmallCodec")
    }
}

impl<T, U> Codec for SmallCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = <ProstCodec<T, U> as Codec>::Encoder;
    type Decoder = <ProstCodec<T, U> as Codec>::Decoder;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(buffers())
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<T, U>::raw_decoder(buffers())
    }
}
