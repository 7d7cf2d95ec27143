"""The models of an installation: kept on a shelf, fetched, examined, made, chosen.

Knows nothing of jobs. Whatever touches llama.cpp is `workers.engine`'s; a model that has not been
examined is loaded in a child process only.
"""
