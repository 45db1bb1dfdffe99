"""One document's life towards Exact."""
