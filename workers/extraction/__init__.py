"""Taking what a JSON schema asks for out of documents, with where each value stands.

Knows texts and schemas; jobs, steps and documents are the affair of `workers.kinds.extract`.
"""
