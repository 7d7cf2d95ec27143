"""The shapes of requests and answers, as `/docs` describes them.

Answers may grow: a client ignores what it does not know. Requests may not: what is not known
is refused.
"""
