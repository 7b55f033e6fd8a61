"""Pure builders: from a parent object and the configuration to each child object."""
