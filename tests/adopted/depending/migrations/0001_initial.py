"""The first migration of an app that depends on one of the audit log's, as in projects that used django-auditlog."""

import os

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [("auditlog", name) for name in os.environ["DEPENDS_ON"].split()]
    operations = [
        migrations.CreateModel(
            name="Author",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=50)),
            ],
        ),
    ]
