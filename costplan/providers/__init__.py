"""One adapter per wire protocol, imported on use."""
