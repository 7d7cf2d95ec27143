"""File → pages → chunks → indexes, and the library database that keeps them.

Knows neither the web nor the queue.
"""
