"""Mirrors of Exact's master data, and the engine that keeps them."""
