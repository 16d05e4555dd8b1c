"""The pages about the tables: what each is, how far it can be trusted, where it comes from, a few of its rows."""
