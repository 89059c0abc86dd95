"""What ``manage.py demo`` does: accounts, data, a working day over HTTP, and a big log for scale work."""
