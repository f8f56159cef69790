"""Orders are paid later, and keep their buyer's visit until then."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("store", "0003_date_of_birth"),)

    operations = (
        migrations.AddField(
            model_name="order",
            name="paid_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="pixel",
            field=models.CharField(blank=True, default="", editable=False, max_length=500),
        ),
        migrations.AddField(
            model_name="order",
            name="pixel_sent",
            field=models.DateTimeField(blank=True, default=None, editable=False, null=True),
        ),
    )
