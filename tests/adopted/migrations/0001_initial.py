import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            name="Author",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=50)),
            ],
        ),
        migrations.CreateModel(
            name="Book",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=50)),
                ("price", models.DecimalField(decimal_places=2, default=0, max_digits=8)),
                (
                    "author",
                    models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, to="adopted.author"),
                ),
            ],
        ),
    ]
