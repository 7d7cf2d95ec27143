"""Addresses of the web page at which a place opens with its words marked."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode


def address(base: str, place: Mapping[str, Any]) -> str:
    """Where a citation or a hit can be read; `base` is the service's own address, ending in /.

    The page makes and reads the same ones (`web/spans.js`).
    """
    query = {}
    if place["char_end"] > place["char_start"]:
        query = {"start": place["char_start"], "end": place["char_end"]}
    query["version"] = place["version_id"]
    document = quote(place["document_id"], safe="")
    return f"{base}#/documents/{document}/pages/{place['page']}?{urlencode(query)}"
