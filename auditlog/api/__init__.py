"""The staff API: entries, read only, as JSON; needs the extra ``api`` (Django REST framework)."""
