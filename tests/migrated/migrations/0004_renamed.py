from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("migrated", "0003_separate")]
    operations = [
        migrations.RenameField("Shelf", "name", "title"),
        migrations.RenameModel("Shelf", "Rack"),
        migrations.DeleteModel("Crate"),
    ]
