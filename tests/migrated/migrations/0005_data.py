from django.db import migrations

import auditlog


def tell(apps, schema_editor):
    auditlog.record(event="data.moved")


class Migration(migrations.Migration):
    dependencies = [("migrated", "0004_renamed")]
    operations = [migrations.RunPython(tell, migrations.RunPython.noop)]
