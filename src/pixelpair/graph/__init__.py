"""All that knows Meta's Graph API: values become a Call, a reply becomes values."""
