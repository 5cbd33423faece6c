"""The strict reader: YAML in which every mistake has a place, read by a declared schema. Pure.

`document` turns text into located nodes, `kinds` and `shapes` are the schema vocabulary, `words` the scalars
everybody needs, `checks` what must agree across a document, `reference` writes the documentation of a schema.
"""
