"""At home in schedulers: one module for each, none of which is imported by anything else here."""
