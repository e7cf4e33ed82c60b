"""Solvers as files: recipes, learning-rate policies."""
