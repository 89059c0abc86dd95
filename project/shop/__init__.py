"""The shop: products, customers and orders."""
