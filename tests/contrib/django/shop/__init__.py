"""An app of the tests' site, with handlers."""
