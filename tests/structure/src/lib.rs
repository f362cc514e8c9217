//! Tests of the house itself: floors, borders, sizes, words. See `tests/`.
