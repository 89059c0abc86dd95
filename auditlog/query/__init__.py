"""The questions one can ask the log, asked alike by the admin, the command and the API."""
