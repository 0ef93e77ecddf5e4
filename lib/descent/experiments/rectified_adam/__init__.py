"""What the chapter rectified-adam runs."""
