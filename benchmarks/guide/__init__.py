"""The guide's comparison: Hugging Face Transformers beside Lectern's engine, on the same weights.

Each is measured in a fresh process, by turns: how long it takes to load, what memory it takes, how
soon the first token comes and how fast the others follow.
"""
