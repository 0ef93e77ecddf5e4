"""The rules for users of other frameworks. Nothing else in the library imports these."""
