"""The launcher: starts the parts of Lectern, and talks to a running one over its REST API.

Knows the API as any other program does; loads no model, no vector store and no queue.
"""
