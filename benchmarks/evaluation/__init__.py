"""How good what Lectern writes is, beside naive ways with the same model: `./lectern eval`."""
