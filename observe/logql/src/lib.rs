//! LogQL: queries for log records as Loki has them, read and evaluated over whatever keeps them.
