"""What finds personal data in text by its own form: a file per kind, a table of them. Pure."""
