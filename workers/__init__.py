"""The Celery side: jobs and their steps, the llama.cpp engine, and the chains that use it.

The web process may import `submit`, `jobs`, `events`, `conversations` and `errors`, nothing else.
"""
