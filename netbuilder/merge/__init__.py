"""Batch normalisation merged into the layers beside it: a net and its weights without it."""
