"""Who should hear from us, and when: one file per trigger."""
