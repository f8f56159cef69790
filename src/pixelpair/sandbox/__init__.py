"""A local Events Manager and fake Graph. It shares no code with us, so that it can judge us."""
