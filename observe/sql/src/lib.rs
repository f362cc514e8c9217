//! SQL over the observatory.
