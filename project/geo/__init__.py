"""Reference data: the countries of ISO 3166 and the currencies of ISO 4217."""
