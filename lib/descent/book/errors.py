"""Errors that are the user's to mend."""


class UserError(Exception):
    """One clear line that names the fix; the command line prints it without a traceback and exits with 2."""
