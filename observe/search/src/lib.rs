//! Searching log records in the languages of Elasticsearch and of people.
