"""`/docs`: the REST interface as one page of HTML, made from the OpenAPI description.

Made here and not by a viewer from a CDN: nothing leaves the building, and no script is needed.
"""

from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse

HERE = Path(__file__).parent


def install(app: FastAPI) -> None:
    """Add `/docs` and its style sheet to `app`."""

    def page(request: Request) -> HTMLResponse:
        return HTMLResponse(_page(request.app))

    def style(_request: Request) -> FileResponse:
        return FileResponse(HERE / "page.css", media_type="text/css")

    app.add_route("/docs", page, include_in_schema=False)
    app.add_route("/docs/page.css", style, include_in_schema=False)


@cache
def _page(app: FastAPI) -> str:
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined
    )
    description = app.openapi()
    return environment.get_template("page.html").render(
        info=description["info"],
        operations=_operations(description),
        schemas=sorted(description["components"]["schemas"].items()),
        kind=kind,
    )


def _operations(description: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    by_tag: dict[str, list[dict[str, Any]]] = {}
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            shown = {
                "method": method.upper(),
                "path": path,
                "text": operation.get("description", ""),
                "parameters": operation.get("parameters", []),
                "body": _contents(operation.get("requestBody", {})),
                "answers": {
                    status: _contents(answer) for status, answer in operation["responses"].items()
                },
            }
            by_tag.setdefault(operation.get("tags", ["other"])[0], []).append(shown)
    return by_tag


def _contents(holder: dict[str, Any]) -> list[str]:
    return [
        f"{media_type}: {kind(content.get('schema', {}))}"
        for media_type, content in holder.get("content", {}).items()
    ]


def kind(schema: dict[str, Any]) -> str:
    """A JSON schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " | ".join(kind(option) for option in schema[choice])
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " | ".join(f"“{value}”" for value in values)
    if schema.get("type") == "array":
        return f"[{kind(schema.get('items', {}))}]"
    return str(schema.get("type", "any"))
