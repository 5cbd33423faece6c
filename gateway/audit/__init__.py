"""The access log: records, their hash chain, the writer, the verifier."""
