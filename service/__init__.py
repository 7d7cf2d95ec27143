"""The web process: HTTP, streams and the web page. Loads no model and no vector store."""
