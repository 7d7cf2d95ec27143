"""The parsers, which run in the sandbox only: each turns one file into pages.

A parser is `pages(path, max_pages)`: it yields pages in order, numbered from 1, and raises what
`ingest.errors` names. Those of PDFs and pictures are handed a `Recognizer` besides. Line ends are
`\\n`, zero bytes are gone and lone surrogates replaced; apart from that the text stays as the
document has it. No parser knows limits of time or memory.
"""
