"""What two or more texts say alike, what otherwise, and what only one of them says.

Told from the texts' own words, at places that can be cited; no language model is asked. Knows
neither jobs nor prompts: `workers/kinds/comparison.py` does.
"""
