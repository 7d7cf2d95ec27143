"""The llama.cpp engine: continuous batching over the low-level API of llama-cpp-python.

The only place that imports `llama_cpp`. Knows tokens and sequences; nothing of documents.
"""
