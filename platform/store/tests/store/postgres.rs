//! What only a PostgreSQL server can do to a store.
