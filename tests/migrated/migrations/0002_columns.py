from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("migrated", "0001_first")]
    operations = [
        migrations.AddField("Shelf", "color", models.CharField(max_length=20, default="red")),
        migrations.AddField("Shelf", "hint", models.CharField(max_length=20, null=True)),
        migrations.AlterField("Shelf", "size", models.BigIntegerField(default=0)),
        migrations.RemoveField("Shelf", "note"),
    ]
