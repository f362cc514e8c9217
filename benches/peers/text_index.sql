ALTER TABLE otel_logs DROP INDEX idx_body, ADD INDEX idx_words Body TYPE text(tokenizer = splitByNonAlpha)
