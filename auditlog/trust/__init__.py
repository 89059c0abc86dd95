"""Trust: whether the log still says what the tables hold."""
