"""At least once: from the request's one write to Meta's answer, across kills and outages."""
