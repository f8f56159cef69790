"""Customers may tell their date of birth."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("store", "0002_goods"),)

    operations = (
        migrations.AddField(
            model_name="customer",
            name="date_of_birth",
            field=models.DateField(blank=True, null=True),
        ),
    )
