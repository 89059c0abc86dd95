from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("migrated", "0002_columns")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.AddField("Shelf", "weight", models.IntegerField(default=1))],
            state_operations=[migrations.AddField("Shelf", "weight", models.IntegerField(default=1))],
        ),
    ]
