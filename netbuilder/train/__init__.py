"""Training: engines, the process one runs in, and what comes out of it."""
